"""Chance that favours what may be good: Thompson sampling over items that chance showed before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from apps.recommender.exploration.explorer import DRAWN_BELOW
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.store import EventStore
from common.serving.learning.periodic import Periodic

Floats = NDArray[np.float64]

# Item id → how often chance showed it, and how often it was then taken.
Counts = Mapping[str, tuple[int, int]]

COUNT_SECONDS = 300.0
# An item of which nothing is known is as the mean of all, by the word of so many showings.
SHRINKAGE = 20.0
# What the mean is before there is one, by the word of as many.
USUAL = 0.05
DRAWS = 500
# So much of the chance is dealt out evenly: each item keeps a propensity that can be weighed.
EVENLY = 0.1


class ThompsonSampling:
    """How probable it is that each of some items is the one that is taken most often.

    What is known of an item is Beta(20 m + taken, 20 (1 − m) + not taken), with m the mean of all
    (Thompson 1933; Chapelle & Li 2011). Only showings by chance count: where a ranking puts an item
    says as much of the place as of the item. The chances are the shares of joint draws in which
    each item is best; as the item is then drawn by these very chances, they are its propensities,
    however few the draws.

    Args:
        count: what is known now; asked every five minutes, and until then all are alike.
    """

    def __init__(self, count: Callable[[], Counts]) -> None:
        self._count = count
        self._known: Counts = {}
        self._mean = USUAL
        self._periodic = Periodic("explored-count", self.refresh, COUNT_SECONDS)

    def start(self) -> None:
        """Begin to count."""
        self._periodic.start()

    def stop(self) -> None:
        """Count no more."""
        self._periodic.stop()

    def refresh(self) -> None:
        """Count anew."""
        known = self._count()
        shown, taken = (sum(one[part] for one in known.values()) for part in (0, 1))
        self._mean = (taken + SHRINKAGE * USUAL) / (shown + SHRINKAGE)
        self._known = known

    def chances(self, items: Sequence[str], random: np.random.Generator) -> Floats:
        """[items], above 0, with a sum of 1."""
        known, mean = self._known, self._mean
        shown, taken = np.array([known.get(item, (0, 0)) for item in items], np.float64).T
        rates = random.beta(
            SHRINKAGE * mean + taken,
            SHRINKAGE * (1 - mean) + shown - taken,
            size=(DRAWS, len(items)),
        )
        best = np.bincount(rates.argmax(1), minlength=len(items)) / DRAWS
        return np.asarray((1 - EVENLY) * best + EVENLY / len(items))


def open_thompson(store: EventStore, behaviors: Callable[[], Behaviors]) -> ThompsonSampling:
    """By what is reported: dislikes and low ratings are no taking."""

    def count() -> Counts:
        disliking = Disliking.of(store.counts(), store.ratings(), behaviors())
        return store.explored(DRAWN_BELOW, disliking)

    return ThompsonSampling(count)
