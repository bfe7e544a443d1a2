"""How often items were met before a moment: counts in windows, and one that forgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.events import Events, Int32, Int64

DAY = 24 * 3600
WINDOWS = (1 * DAY, 7 * DAY, 30 * DAY)
HALF_LIFE = 14 * DAY
# What `Activity.at` gives, in its order.
COUNTS = ("1 day", "7 days", "30 days", "all", "forgetting")


@dataclass(frozen=True)
class Activity:
    """Events by item and time, so that what came before any moment is found by bisection.

    Attributes:
        keys: [events] sorted; item and time in one integer, see `_key`.
        time: [events] seconds, in the order of `keys`.
        remaining: [events], what the item's events up to this one still count at its time.
        first: seconds of the earliest event; `span` is a second more than the time to the last.
    """

    items: int
    keys: Int64
    time: Int64
    remaining: NDArray[np.float64]
    first: int
    span: int

    def at(self, item: Int32, as_of: Int64) -> NDArray[np.float32]:
        """Counts of items from events earlier than a moment.

        Args:
            item: [rows, places] item numbers; -1 counts nothing.
            as_of: [rows] seconds.

        Returns:
            [rows, places, len(COUNTS)]: events in each window, in all, and all with half the
            weight for every `HALF_LIFE` that passed since.
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
        counts[..., -2] = end - begin
        some = end > begin
        last = end[some] - 1
        age = as_of[some] - self.time[last]
        counts[some, -1] = self.remaining[last] * 0.5 ** (age / HALF_LIFE)
        return counts

    def _place(self, item: NDArray[np.integer[Any]], moment: Int64) -> Int64:
        """The place of the first event of an item that is not before a moment."""
        since = np.clip(moment - self.first, 0, self.span)
        return np.searchsorted(self.keys, item * np.int64(self.span) + since)


def activity(events: Events, items: int) -> Activity:
    """Sort `events` by item and time; what lies after a moment is left out when it is asked."""
    if not len(events):
        empty = np.empty(0, np.int64)
        return Activity(items, empty, empty, np.empty(0), 0, 1)
    first = int(events.time.min())
    span = int(events.time.max()) - first + 1
    keys = np.sort(events.item * np.int64(span) + (events.time - first))
    time = keys % span + first
    return Activity(items, keys, time, _remaining(keys // span, time), first, span)


def _remaining(item: Int64, time: Int64) -> NDArray[np.float64]:
    """Sums that halve every `HALF_LIFE`, running along each item's events.

    Each pass joins every event with a stretch twice as long before it (Hillis & Steele 1986).
    """
    total = np.ones(len(item))
    kept = np.zeros(len(item))
    kept[1:] = np.where(item[1:] == item[:-1], 0.5 ** (np.diff(time) / HALF_LIFE), 0)
    step = 1
    while kept.any():
        total[step:] += kept[step:] * total[:-step]
        kept[step:] *= kept[:-step]
        kept[:step] = 0
        step *= 2
    return total
