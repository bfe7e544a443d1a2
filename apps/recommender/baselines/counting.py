"""What a model has to beat: methods that look at who met what, and learn no text."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories
from apps.recommender.interactions.popularity import DAY
from apps.recommender.retrieval.collaborative import Scores, known_by


class Baseline(Protocol):
    """Fitted once on events before a cutoff, then asked for blocks of users."""

    name: str

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Learn from all of `events`: the caller has taken out what lies after the cutoff."""

    def scores(self, histories: Histories) -> Scores:
        """[rows, items], higher is better, for at most some hundred rows."""


class Popularity:
    """How many users met an item, in the last `days` of the events or in all of them."""

    def __init__(self, days: int | None = None) -> None:
        self.name = "popularity" if days is None else f"popularity, {days} days"
        self.days = days

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Count users by item."""
        if self.days is not None and len(events):
            events = events.since(int(events.time.max()) - self.days * DAY)
        self.users = known_by(events, len(catalogue))

    def scores(self, histories: Histories) -> Scores:
        """The same for everybody."""
        return _for_everybody(self.users, histories)


class ItemMean:
    """Mean weight of an item's events, drawn towards the mean of all by `shrinkage` events more.

    Among equals the item that more users met comes first.
    """

    name = "item mean"

    def __init__(self, shrinkage: float = 20.0) -> None:
        self.shrinkage = shrinkage

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Means by item."""
        items = len(catalogue)
        total = np.bincount(events.item, events.weight, items)
        count = np.bincount(events.item, minlength=items)
        overall = total.sum() / max(len(events), 1)
        mean = (total + self.shrinkage * overall) / (count + self.shrinkage)
        # What is left of a mean after rounding leaves room for the order of the equal ones.
        order = np.lexsort((known_by(events, items), mean.round(6)))
        self.place = np.empty(items, np.float32)
        self.place[order] = np.arange(items)

    def scores(self, histories: Histories) -> Scores:
        """The same for everybody."""
        return _for_everybody(self.place, histories)


def _for_everybody(values: NDArray[Any], histories: Histories) -> Scores:
    return np.broadcast_to(values.astype(np.float32), (len(histories), len(values)))
