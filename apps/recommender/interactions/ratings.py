"""What one rating says beside all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Ten stars in halves, and a few more.
LONGEST_SCALE = 25
# Where fewer stand above the middle, an odd one among them made it: a 50 for a 5.
LEAST_ABOVE = 0.05
# What was liked least of what was not disliked still speaks a little.
LEAST = 0.05


@dataclass(frozen=True)
class RatingScale:
    """The ratings of some data.

    Attributes:
        mean: None: there are none.
        middle: below it an item was not liked; None: they are no scale, but amounts of something,
            or some are far above all others.
        odd: how many are.
    """

    mean: float | None = None
    middle: float | None = None
    odd: int = 0

    def weight(self, rating: float | None, liking: float = 1.0) -> float:
        """What an event weighs: 0 not liked, above 1 liked better than most.

        Args:
            liking: what its behaviour says of the item, 1: nothing.
        """
        if liking == 0 or (rating is not None and self.middle is not None and rating < self.middle):
            return 0.0
        relative = rating / self.mean if rating is not None and self.mean else 1.0
        return max(LEAST, liking * relative)


def scale_of(ratings: pl.Series) -> RatingScale:
    """The scale of these; null: not rated."""
    known = ratings.drop_nulls()
    if known.is_empty():
        return RatingScale()
    low, high, mean = (float(str(one)) for one in (known.min(), known.max(), known.mean()))
    if known.n_unique() > LONGEST_SCALE:
        return RatingScale(mean)
    middle = (low + high) / 2
    above = int((known >= middle).sum())
    if above < LEAST_ABOVE * len(known):
        return RatingScale(mean, odd=above)
    return RatingScale(mean, middle)
