"""How often items were met before a moment: counts in windows, and one that forgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, Int32, Int64

DAY = 24 * 3600
WINDOWS = (1 * DAY, 7 * DAY, 30 * DAY)
HALF_LIFE = 14 * DAY
# Where tastes change over years, what was popular in the last few of them is what counts.
SLOW_HALF_LIFE = 365 * DAY
HALF_LIVES = {"forgetting": HALF_LIFE, "forgetting slowly": SLOW_HALF_LIFE}
# What `Activity.at` gives, in its order.
COUNTS = ("1 day", "7 days", "30 days", "all", "forgetting", "forgetting slowly", "weight")


@dataclass(frozen=True)
class Activity:
    """Events by item and time, so that what came before any moment is found by bisection.

    Attributes:
        keys: [events] sorted; item and time in one integer, see `_key`.
        time: [events] seconds, in the order of `keys`.
        remaining: by name in `HALF_LIVES`, [events], what the item's events up to this one still
            count at its time.
        weight: [events], sum of the weights of the item's events up to this one.
        first: seconds of the earliest event; `span` is a second more than the time to the last.
    """

    items: int
    keys: Int64
    time: Int64
    remaining: Mapping[str, NDArray[np.float64]]
    weight: NDArray[np.float64]
    first: int
    span: int

    def at(self, item: Int32, as_of: Int64) -> NDArray[np.float32]:
        """Counts of items from events earlier than a moment.

        Args:
            item: [rows, places] item numbers; -1 counts nothing.
            as_of: [rows] seconds.

        Returns:
            [rows, places, len(COUNTS)]: events in each window, in all, and all counting half for
            every `HALF_LIFE` and every `SLOW_HALF_LIFE` that passed since; sum of their weights.
        """
        counts = self._counts(np.maximum(item, 0), as_of[:, None])
        counts[item < 0] = 0
        return counts

    def of_all(self, as_of: int) -> NDArray[np.float32]:
        """[items, len(COUNTS)] at one moment."""
        return self._counts(np.arange(self.items), np.int64(as_of))

    def _counts(
        self, item: NDArray[np.integer[Any]], as_of: Int64 | np.int64
    ) -> NDArray[np.float32]:
        as_of = np.broadcast_to(as_of, item.shape)
        begin = np.searchsorted(self.keys, item * np.int64(self.span))
        end = self._place(item, as_of)
        counts = np.zeros((*item.shape, len(COUNTS)), np.float32)
        for n, window in enumerate(WINDOWS):
            counts[..., n] = end - self._place(item, as_of - window)
        counts[..., COUNTS.index("all")] = end - begin
        some = end > begin
        last = end[some] - 1
        age = as_of[some] - self.time[last]
        for name, half_life in HALF_LIVES.items():
            kept = self.remaining[name][last] * 0.5 ** (age / half_life)
            counts[some, COUNTS.index(name)] = kept
        counts[some, COUNTS.index("weight")] = self.weight[last]
        return counts

    def _place(self, item: NDArray[np.integer[Any]], moment: Int64) -> Int64:
        """The place of the first event of an item that is not before a moment."""
        since = np.clip(moment - self.first, 0, self.span)
        return np.searchsorted(self.keys, item * np.int64(self.span) + since)


def activity(events: Events, items: int) -> Activity:
    """Sort `events` by item and time; what lies after a moment is left out when it is asked."""
    if not len(events):
        empty, nothing = np.empty(0, np.int64), np.empty(0)
        return Activity(items, empty, empty, dict.fromkeys(HALF_LIVES, nothing), nothing, 0, 1)
    first = int(events.time.min())
    span = int(events.time.max()) - first + 1
    keys = events.item * np.int64(span) + (events.time - first)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    time = keys % span + first
    follows = np.zeros(len(keys), np.bool_)
    follows[1:] = np.diff(keys // span) == 0
    gap = np.diff(time, prepend=first)
    once = np.ones(len(keys))
    remaining = {
        name: _running(once, np.where(follows, 0.5 ** (gap / half_life), 0))
        for name, half_life in HALF_LIVES.items()
    }
    weight = _running(events.weight[order].astype(np.float64), follows.astype(np.float64))
    return Activity(items, keys, time, remaining, weight, first, span)


def in_total(events: Events) -> Activity:
    """The same of all items together, as if they were one: item 0."""
    return activity(replace(events, item=np.zeros_like(events.item)), 1)


def lasting(met: NDArray[np.float32]) -> NDArray[np.float32]:
    """[items, COUNTS] → [items], the logarithm of what the last years count; 0: nobody met it."""
    return np.log1p(met[:, COUNTS.index("forgetting slowly")])


def overall(met: NDArray[np.float32]) -> NDArray[np.float32]:
    """[items, COUNTS] → [items]: an item is as popular as its best place by any of three counts."""
    places = np.empty((3, len(met)), np.int64)
    for place, name in zip(places, ("forgetting", "forgetting slowly", "all"), strict=True):
        place[np.argsort(-met[:, COUNTS.index(name)], kind="stable")] = np.arange(len(met))
    # Among equals, the item that does well by the other counts too.
    popularity = 1 / (places.min(0) + places.mean(0) / (len(met) + 1) + 1)
    return np.asarray(popularity, np.float32)


def _running(values: NDArray[np.float64], kept: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums, of which the share `kept` [events] is left at each event; 0 begins anew.

    Each pass joins every event with a stretch twice as long before it (Hillis & Steele 1986). What
    stands before the beginning leaves no trace in a sum, not even by rounding.
    """
    total, kept = values.copy(), kept.copy()
    step = 1
    while kept.any():
        total[step:] += kept[step:] * total[:-step]
        kept[step:] *= kept[:-step]
        kept[:step] = 0
        step *= 2
    return total
