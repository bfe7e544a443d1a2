"""A ranking blended with a simple method, where it is not shown to be better than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.counting import Baseline, ItemMean, Popularity
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories, histories
from apps.recommender.retrieval.collaborative import Ease, ItemKnn

Float32 = NDArray[np.float32]
Kind = Literal["popularity", "item mean", "item-kNN", "EASE"]

# What can be fitted from events alone wherever a release ranks, and its setting.
KINDS: dict[Kind, tuple[type[Any], str]] = {
    "popularity": (Popularity, "days"),
    "item mean": (ItemMean, "shrinkage"),
    "item-kNN": (ItemKnn, "shrinkage"),
    "EASE": (Ease, "regularisation"),
}
# The feature whose sentence tells a user what each goes by.
FEATURES: dict[Kind, str] = {
    "popularity": "events_all",
    "item mean": "liking",
    "item-kNN": "company_share",
    "EASE": "neighbour_score",
}
# Whose scores are the same for everybody.
FOR_EVERYBODY: tuple[Kind, ...] = ("popularity", "item mean")


@dataclass(frozen=True)
class Blend:
    """A simple method, its setting, and its weight beside the ranking: at 1 it ranks alone."""

    kind: Kind
    setting: float | None
    weight: float = 1.0

    @property
    def is_for_everybody(self) -> bool:
        """Whether all users get the same scores."""
        return self.kind in FOR_EVERYBODY

    @property
    def feature(self) -> str:
        """Of the second stage, whose sentence says what it goes by."""
        return FEATURES[self.kind]

    def fit(self, events: Events, catalogue: Catalogue) -> Baseline:
        """The method, fitted on all of `events`."""
        of_kind, setting = KINDS[self.kind]
        method: Baseline = of_kind(**{setting: self.setting})
        method.fit(events, catalogue)
        return method

    def for_everybody(self, events: Events, catalogue: Catalogue) -> Float32 | None:
        """[items], its scores where they are the same for everybody, else None."""
        if not self.is_for_everybody:
            return None
        nobody = histories(events, np.zeros(1, np.int64), np.zeros(1, np.int64), 1)
        return np.array(self.fit(events, catalogue).scores(nobody)[0])


class Given:
    """Scores [items] that were fitted elsewhere, the same for everybody."""

    name = "given"

    def __init__(self, values: Float32) -> None:
        self.values = values

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Nothing is left to fit."""

    def scores(self, histories: Histories) -> Float32:
        """[rows, items]."""
        return np.broadcast_to(self.values, (len(histories), len(self.values)))


def blendable(baselines: Sequence[Baseline]) -> list[Baseline]:
    """Those that a release can carry: all that read no texts."""
    return [one for one in baselines if blend_of(one) is not None]


def blend_of(baseline: Baseline, weight: float = 1.0) -> Blend | None:
    """What a release keeps of a method; None where it reads texts."""
    for kind, (of_kind, setting) in KINDS.items():
        if type(baseline) is of_kind:
            return Blend(kind, getattr(baseline, setting), weight)
    return None


def blended(scores: Float32, simple: Float32, weight: float) -> Float32:
    """Both orders as one: minus the weighted mean of the logarithms of both places.

    Places are compared, for the scores of two methods have no common scale; their logarithm,
    for what stands first matters most. What is equal for the simple method stands in the order
    of `scores`, so that at a weight of 1 nothing else is left of them.

    Args:
        scores, simple: [rows, places]; -inf in `scores`: there is no candidate, and none comes.
    """
    empty = np.isneginf(scores)
    simple = np.where(empty, -np.inf, simple)
    own = np.log(_places(scores, scores))
    other = np.log(_places(scores, simple))
    together = -((1 - weight) * own + weight * other)
    return np.where(empty, -np.inf, together).astype(np.float32)


def _places(scores: Float32, first: Float32) -> NDArray[np.float64]:
    """[rows, places] from 1: by `first`, among its equals by `scores`."""
    order = np.lexsort((-scores, -first), axis=1)
    places = np.empty(order.shape, np.float64)
    np.put_along_axis(places, order, np.arange(1.0, order.shape[1] + 1)[None], 1)
    return places
