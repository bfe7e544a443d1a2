"""What was reported to one process is known to the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from sqlalchemy.exc import OperationalError

from apps.recommender.interactions.behaviors import SHOWN, Behaviors
from apps.recommender.learning.recent import SharedRecentEvents, interaction_of
from apps.recommender.learning.reported import Event
from apps.recommender.learning.store import EventStore
from common.storage.database import Database

DAY = 86_400.0


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    with databases.empty(request.param, tmp_path) as url:
        database = Database(url)
        yield EventStore(database, "shop")
        database.close()


def done(identity: str, item: str, ago: float, behavior: str = "click") -> Event:
    return Event(
        id=identity, at=time.time() - ago, source="s", user_id="ada", item_id=item,
        behavior=behavior,
    )  # fmt: skip


def test_what_another_process_wrote_is_known_once_and_in_order(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = done("2", "i2", 20), done("1", "i1", 30)
    seen = SharedRecentEvents(store, Behaviors)
    seen.add(mine.id, interaction_of(mine, Behaviors()))
    store.add(
        [
            theirs,
            mine,
            done("3", "i3", 10, SHOWN),
            done("4", "old", 3 * DAY),
            done("5", "i5", 5, "?"),
        ]
    )
    assert [event.item_id for event in seen.of("ada")] == ["i1", "i2"]
    assert seen.of("bo") == []
    assert seen.of("a\x00b") == []

    def down() -> None:
        raise OperationalError("", None, Exception("no disk"))

    monkeypatch.setattr(store.database, "reading", down)
    assert [event.item_id for event in seen.of("ada")] == ["i2"]
