"""What is taken together with an item: by the same customers, bought or met."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.counting import PURCHASE
from apps.recommender.interactions.events import Events, Int32, Int64

# What one customer takes together is chance.
FEWEST_CUSTOMERS = 2
# Of an item that everybody knows the latest customers say enough.
MOST_CUSTOMERS = 5000
# Few customers in common are drawn towards none.
SHRINKAGE = 5.0


@dataclass(frozen=True)
class Company:
    """Items that share customers with one, the strongest first.

    Attributes:
        item: [found] numbers.
        customers: [found], how many took both.
        score: [found], cosine of the sets of customers times n / (n + 5): how many more took both
            than popularity alone would bring together.
    """

    item: Int32
    customers: Int64
    score: NDArray[np.float64]


class CompanyOfItems:
    """Counts customers in common from what users did; what was not liked does not count."""

    def __init__(self, events: Events, items: int) -> None:
        self._events = events
        self._items = items

    @cached_property
    def _bought(self) -> Events:
        return self._events.where((self._events.behavior == PURCHASE) & (self._events.weight > 0))

    @cached_property
    def _met(self) -> Events:
        liked = self._events.weight > 0
        return self._events if liked.all() else self._events.where(liked)

    @cached_property
    def _sizes(self) -> dict[bool, Int64]:
        """By `bought`: [items], how many users have an event with each."""
        everybody = np.arange(self._events.users)
        return {
            bought: _counts(events, everybody, self._items)
            for bought, events in ((True, self._bought), (False, self._met))
        }

    def of(self, item: int, *, bought: bool) -> Company:
        """The company of an item: what was bought by who bought it, or met by who met it."""
        events = self._bought if bought else self._met
        users = np.unique(events.user[events.item == item])
        if len(users) > MOST_CUSTOMERS:
            last = events.time[events.offsets[users + 1] - 1]
            users = users[np.argsort(-last, kind="stable")[:MOST_CUSTOMERS]]
        counts = _counts(events, users, self._items)
        counts[item] = 0
        found = np.flatnonzero(counts >= FEWEST_CUSTOMERS)
        both = counts[found]
        sizes = self._sizes[bought]
        score = both / np.sqrt(len(users) * np.maximum(sizes[found], 1)) * both / (both + SHRINKAGE)
        order = np.lexsort((found, -score))
        return Company(found[order].astype(np.int32), both[order], score[order])


def _counts(events: Events, users: NDArray[np.integer[Any]], items: int) -> Int64:
    """[items], how many of `users` have an event with each."""
    begin, end = events.offsets[users], events.offsets[users + 1]
    row = np.repeat(np.arange(len(users)), end - begin)
    firsts = np.cumsum(end - begin) - (end - begin)
    place = np.arange(len(row)) - firsts[row] + begin[row]
    pair = np.unique(row.astype(np.int64) * items + events.item[place])
    return np.bincount(pair % items, minlength=items)
