"""Counts of events as the second stage asks for them: as of any moment, or of one that is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, Int32, Int64
from apps.recommender.interactions.popularity import activity, in_total
from apps.recommender.schema import BEHAVIORS

Float32 = NDArray[np.float32]
PURCHASE = BEHAVIORS.index("purchase")


@dataclass(frozen=True)
class Counts:
    """Counts of candidates; the last axis is `popularity.COUNTS`.

    Attributes:
        met, bought: [rows, places, …], of all events and of purchases.
        total: [rows, 1, …], of all events of all items.
    """

    met: Float32
    bought: Float32
    total: Float32


@dataclass(frozen=True)
class Snapshot:
    """Counts as of one moment: all that a batch job needs of the events.

    Attributes:
        moment: seconds since 1970.
        met, bought: [items, …]; `total` is [1, …].
    """

    moment: int
    met: Float32
    bought: Float32
    total: Float32

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.met)

    def of(self, item: Int32, as_of: Int64) -> Counts:
        """Counts of `item` [rows, places] as of the moment, whatever `as_of` is."""
        here = np.maximum(item, 0)
        total = np.broadcast_to(self.total, (len(item), *self.total.shape))
        return Counts(np.take(self.met, here, axis=0), np.take(self.bought, here, axis=0), total)


class EventCounting:
    """Counts as of any moment, from events sorted by item and time."""

    def __init__(self, events: Events, items: int) -> None:
        self.items = items
        self._met = activity(events, items)
        self._bought = activity(events.where(events.behavior == PURCHASE), items)
        self._total = in_total(events)
        self._kept: Snapshot | None = None

    def snapshot(self, moment: int) -> Snapshot:
        """All items as of a moment; the last one is kept."""
        if self._kept is None or self._kept.moment != moment:
            counted = (one.of_all(moment) for one in (self._met, self._bought, self._total))
            self._kept = Snapshot(moment, *counted)
        return self._kept

    def of(self, item: Int32, as_of: Int64) -> Counts:
        """Counts of `item` [rows, places], of each row from events earlier than its `as_of`."""
        if len(as_of) and (as_of == as_of[0]).all():
            return self.snapshot(int(as_of[0])).of(item, as_of)
        everything = np.zeros((len(item), 1), np.int32)
        return Counts(
            self._met.at(item, as_of),
            self._bought.at(item, as_of),
            self._total.at(everything, as_of),
        )
