"""What a user does with a shown item without having taken it: dislikes it, or rates it low."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.ratings import scale_of


@dataclass(frozen=True)
class Disliking:
    """By what it is told.

    Attributes:
        names: behaviours that say so, as they were reported.
        least_rating: what is rated below is not liked; None: ratings do not tell.
    """

    names: Collection[str] = ()
    least_rating: float | None = None

    @classmethod
    def of(
        cls, names: Collection[str], ratings: Sequence[float], behaviors: Behaviors
    ) -> Disliking:
        """Among the names and the ratings that were reported."""
        disliking = [name for name in names if _is_dislike(name, behaviors)]
        return cls(disliking, scale_of(pl.Series(ratings, dtype=pl.Float64)).middle)

    @property
    def rows(self) -> pl.Expr:
        """Which rows of reported events say so."""
        disliked = pl.col("behavior").is_in([*self.names])
        if self.least_rating is None:
            return disliked
        return disliked | (pl.col("rating") < self.least_rating).fill_null(False)


def _is_dislike(name: str, behaviors: Behaviors) -> bool:
    meaning = behaviors.find(name)
    return meaning is not None and meaning.weight == 0
