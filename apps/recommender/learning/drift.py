"""What is watched of what users do, and what is usual of it.

A row is a user on a day, with one of the things that they did then: whoever clicks all day is one
user all the same, and the day is over before it is looked at, for the busiest come first.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.events import Events
from apps.recommender.learning.reported import Done
from apps.recommender.learning.store import DAY, EventStore
from apps.recommender.schema import BEHAVIORS
from common.learning.watching.drift import Figures, Watched, by_name
from common.releases.registry import Registry

# Of each day so many users are looked at, chosen at random, and of the baseline so many rows.
MOST_OF_A_DAY, MOST_OF_BASELINE = 1000, 5000


class Data(Protocol):
    """What users did, in numbers, and what the numbers stand for."""

    @property
    def events(self) -> Events:
        """All that they did."""

    @property
    def catalogue(self) -> Catalogue:
        """The items."""

    @property
    def user_ids(self) -> list[str]:
        """The id of each user, by number."""


class Known:
    """Who had done something before a day, and how often each item; days are added as they end."""

    def __init__(self, data: Data, before: float, behaviors: Behaviors | None = None) -> None:
        self._behaviors = behaviors or Behaviors()
        events = data.events.before(before)
        self._items = np.bincount(events.item, minlength=len(data.catalogue))
        self._number = data.catalogue.number
        self._users = {data.user_ids[user] for user in np.unique(events.user)}
        self._ranked = np.sort(self._items)

    def figures(self, row: Done) -> Figures:
        """What is watched, by name."""
        found = {
            "new users": float(row.user_id not in self._users),
            "unknown items": float(row.item_id not in self._number),
        }
        if (meaning := self._behaviors.find(row.behavior)) is not None:
            found["behaviour"] = float(BEHAVIORS.index(meaning.behavior))
        if (item := self._number.get(row.item_id)) is not None:
            place = np.searchsorted(self._ranked, self._items[item])
            found["popularity"] = float(place / len(self._ranked))
        return found

    def add(self, rows: Iterable[Done]) -> None:
        """What was done on a day that is over."""
        for row in rows:
            self._users.add(row.user_id)
            if (item := self._number.get(row.item_id)) is not None:
                self._items[item] += 1
        self._ranked = np.sort(self._items)


def watched(
    registry: Registry,
    store: EventStore,
    release_id: str,
    data: Data,
    behaviors: Behaviors | None = None,
) -> Watched:
    """What is done while a release serves, beside what it was measured on: what came last.

    Args:
        behaviors: what the names of behaviours that are reported stand for.
    """
    facts = registry.open(release_id).manifest["data"]
    begins = datetime.fromisoformat(facts["begins"]["test"]).timestamp() // DAY * DAY
    ends = datetime.fromisoformat(facts["ends"]).timestamp()
    known = Known(data, begins, behaviors)
    usual = []
    for rows in _days(data, begins, ends):
        usual += [known.figures(row) for row in _one_of_each(rows)]
        known.add(rows)
    reported = Reported(store, release_id, known, ends)
    return Watched(by_name(usual[:: -(-len(usual) // MOST_OF_BASELINE) or 1]), reported.new)


class Reported:
    """What was reported since the data of a release ended, whole days (UTC) at a time."""

    def __init__(self, store: EventStore, release_id: str, known: Known, ends: float) -> None:
        self._store = store
        self._release_id = release_id
        self._known = known
        self._since = ends + 1
        self._has_begun = False

    def new(self) -> Iterator[tuple[str, Figures]]:
        """Of each user of this release one row for each day that ended since.

        The day on which it began to serve is left out, for it is not a whole one.
        """
        today = time.time() // DAY * DAY
        if self._since >= today:
            return
        for day in self._store.days(self._since, today):
            own = [row for row in day if row.release_id == self._release_id]
            for row in _one_of_each(own) if self._has_begun else ():
                yield row.id, self._known.figures(row)
            self._has_begun = self._has_begun or bool(own)
            self._known.add(day)
        self._since = today


def _one_of_each(rows: Sequence[Done]) -> list[Done]:
    """One row of each user, at random: ids are hashes."""
    of_user: dict[str, Done] = {}
    for row in sorted(rows, key=lambda row: row.id):
        of_user.setdefault(row.user_id, row)
    return list(of_user.values())[:MOST_OF_A_DAY]


def _days(data: Data, begins: float, ends: float) -> Iterator[list[Done]]:
    """What the data holds of each day."""
    events, random = data.events, np.random.default_rng(0)
    day_of = (events.time // DAY).astype(np.int64)
    inside = np.flatnonzero((events.time >= begins) & (events.time <= ends))
    for day in np.unique(day_of[inside]):
        rows = random.permutation(inside[day_of[inside] == day])
        yield [
            Done(
                f"{place:012}",
                data.user_ids[events.user[row]],
                data.catalogue.ids[events.item[row]],
                BEHAVIORS[events.behavior[row]],
            )
            for place, row in enumerate(rows)
        ]
