"""Users who do something else are told; a day is looked at when it is over, a user once a day."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import sorted_events
from apps.recommender.interactions.timeline import iso
from apps.recommender.learning.drift import watched
from apps.recommender.learning.reported import Event
from apps.recommender.learning.store import DAY, EventStore
from apps.recommender.schema import BEHAVIORS, Item
from common.learning.watching.drift import DriftWatch
from common.records.fields import content_hash
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.storage.database import Database

ITEMS, USERS, BEFORE, WINDOW = 40, 60, 30, 10
TODAY = time.time() // DAY * DAY
BEGINS = TODAY - 10 * DAY


class World:
    """Days on which the same users do the same kind of things."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.favour = self.random.dirichlet(np.full(ITEMS, 0.5))

    def day(self, users: int = USERS) -> tuple[Any, Any]:
        """Users, each twice, and what they took."""
        chosen = np.repeat(self.random.choice(users, 25, replace=False), 2)
        return chosen, self.random.choice(ITEMS, len(chosen), p=self.favour)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def data(world: World) -> Any:
    days = [world.day() for _ in range(BEFORE + WINDOW)]
    first = BEGINS - (BEFORE + WINDOW) * DAY
    user = np.concatenate([users for users, _ in days]).astype(np.int32)
    item = np.concatenate([items for _, items in days]).astype(np.int32)
    when = np.concatenate(
        [first + n * DAY + np.arange(len(users)) for n, (users, _) in enumerate(days)]
    )
    events = sorted_events(
        user,
        item,
        np.full(len(user), BEHAVIORS.index("click"), np.int8),
        when.astype(np.int64),
        np.ones(len(user), np.float32),
        users=USERS,
    )
    items = [Item(item_id=f"i{n}", title=f"Item {n}") for n in range(ITEMS)]
    ids = [f"u{n:03}" for n in range(USERS)]
    return SimpleNamespace(events=events, catalogue=build_catalogue(items), user_ids=ids)


@pytest.fixture
def registry(data: Any, tmp_path: Path) -> Registry:
    made = Registry(tmp_path, "recommender")
    begins = {"test": iso(BEGINS - WINDOW * DAY)}
    facts = {"begins": begins, "ends": iso(float(data.events.time.max()))}
    write_release(made.releases, lambda folder: None, {"data": facts})
    return made


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(Database(tmp_path / "bizlm.sqlite"), "recommender")


def report(
    store: EventStore, release: Release, day: int, users: Any, items: Any, **more: Any
) -> None:
    """What was done on a day since the data ended."""
    at = BEGINS + day * DAY
    rows = [
        Event(
            id=content_hash(day, place, user),
            at=at + place,
            source="s",
            user_id=user if isinstance(user, str) else f"u{user:03}",
            item_id=f"i{item}",
            behavior=more.get("behavior", "click"),
            release_id=release.release_id,
        )
        for place, (user, item) in enumerate(zip(users, items, strict=True))
    ]
    store.add(rows)


def test_more_of_the_same_is_no_drift(
    world: World, data: Any, registry: Registry, store: EventStore
) -> None:
    (release,) = registry.all()
    for day in range(10):
        report(store, release, day, *world.day())
    # Today is not over.
    report(store, release, 10, *world.day())
    found = watched(registry, store, release.release_id, data)
    watch = found.take_in(DriftWatch(found.baseline))
    # Each user once a day, and not on the day on which the release began to serve.
    assert watch.rows == 9 * 25
    names = {"new users", "behaviour", "popularity", "unknown items"}
    assert {one.name for one in watch.figures} == names
    assert watch.drifted == []
    found.take_in(watch)
    assert watch.rows == 9 * 25


def test_other_users_other_items_and_other_deeds_are_told(
    world: World, data: Any, registry: Registry, store: EventStore
) -> None:
    (release,) = registry.all()
    for day in range(10):
        users = [f"new {day} {n}" for n in range(60)]
        items = world.random.integers(ITEMS, ITEMS + 20, size=60)
        report(store, release, day, users, items, behavior="purchase")
    found = watched(registry, store, release.release_id, data)
    drifted = found.take_in(DriftWatch(found.baseline)).drifted
    assert {"new users", "behaviour", "unknown items"} <= set(drifted)


def test_what_another_release_was_shown_for_is_known_and_not_looked_at(
    world: World, data: Any, registry: Registry, store: EventStore
) -> None:
    (release,) = registry.all()
    other = Release(release.directory, {"release_id": "another"})
    for day in range(3):
        report(store, other, day, [f"new {n}" for n in range(30)], range(30))
    for day in range(3, 6):
        report(store, release, day, [f"new {n}" for n in range(30)], range(30))
    found = watched(registry, store, release.release_id, data)
    rows = dict(found.new())
    assert len(rows) == 2 * 30
    assert all(figures["new users"] == 0 for figures in rows.values())
