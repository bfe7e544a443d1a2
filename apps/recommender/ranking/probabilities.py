"""What a score means: the probability that a candidate is clicked, or bought."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.ranking.likes import Likes, likes_of
from apps.recommender.ranking.ranker import GAINS
from apps.recommender.schema import BEHAVIORS
from common.evaluation.calibration import reliability
from common.files import read_json, write_json

Float32 = NDArray[np.float32]
Worth = NDArray[np.int8]

PROBABILITIES = "probabilities.json"
# What a candidate must have been worth at least; with a purchase goes a click.
CLICK = int(GAINS[BEHAVIORS.index("click")])
PURCHASE = int(GAINS[BEHAVIORS.index("purchase")])
# As many candidates with the usual outcome are mixed into every step of the curve: the highest
# step often holds a handful, and would claim certainty.
PRIOR = 10.0


@dataclass(frozen=True)
class Curve:
    """A probability that never falls as the score rises; straight between the points."""

    score: list[float]
    probability: list[float]

    def __call__(self, scores: Float32) -> Float32:
        """Probabilities in the shape of `scores`; NaN stays NaN."""
        return np.interp(scores, self.score, self.probability).astype(np.float32)


@dataclass(frozen=True)
class Probabilities:
    """One curve a behaviour: a click or anything beyond it, and a purchase.

    `like`: that a user who meets an item likes it; None where too few were rated.
    """

    click: Curve
    purchase: Curve
    like: Likes | None = None

    @property
    def sale(self) -> tuple[Curve, int]:
        """What earns a margin, and what a candidate must have been worth for it.

        A purchase; where nobody bought anything, a click stands for it.
        """
        sells = max(self.purchase.probability) > 0
        return (self.purchase, PURCHASE) if sells else (self.click, CLICK)

    def save(self, directory: Path) -> None:
        """Write `probabilities.json` into `directory`."""
        curves = {name: asdict(getattr(self, name)) for name in ("click", "purchase")}
        like = self.like.to_json() if self.like else None
        write_json(directory / PROBABILITIES, {**curves, "like": like})

    @classmethod
    def load(cls, path: Path) -> Probabilities:
        """Read the file that `save` wrote."""
        stored: dict[str, Any] = read_json(path)
        like = likes_of(stored["like"]) if stored.get("like") else None
        return cls(Curve(**stored["click"]), Curve(**stored["purchase"]), like)

    def bins(self, scores: Float32, worth: Worth) -> dict[str, list[dict[str, float]]]:
        """Stated beside observed shares on later candidates, by behaviour; for the report.

        Args:
            scores, worth: [candidates]; worth is of `ranker.gains`.
        """
        outcomes = (("click", self.click, CLICK), ("purchase", self.purchase, PURCHASE))
        return {
            name: reliability(np.asarray(curve(scores), np.float64), worth >= least)
            for name, curve, least in outcomes
            if (worth >= least).any()
        }


def fit_probabilities(scores: Float32, worth: Worth) -> Probabilities:
    """Isotonic regression (Zadrozny & Elkan 2002) of what happened on the ranker's scores.

    Args:
        scores: [candidates], finite, of a stretch of time later than what the ranker learned from.
        worth: [candidates], of `ranker.gains`.
    """
    return Probabilities(_fit(scores, worth >= CLICK), _fit(scores, worth >= PURCHASE))


def _fit(scores: Float32, happened: NDArray[np.bool_]) -> Curve:
    from sklearn.isotonic import IsotonicRegression

    if not len(scores):
        return Curve([0.0], [0.0])
    order = np.argsort(scores, kind="stable")
    score, count = scores[order].astype(np.float64), happened[order].astype(np.float64)
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(score, count)
    first = np.flatnonzero(np.diff(fitted, prepend=-1))
    size = np.diff(first, append=len(score))
    usual = count.mean()
    share = (np.add.reduceat(count, first) + PRIOR * usual) / (size + PRIOR)
    share = np.maximum.accumulate(share)
    # A step is flat from its first score to its last.
    ends = np.stack([score[first], score[first + size - 1]], 1).ravel()
    points, place = np.unique(ends, return_index=True)
    return Curve(points.tolist(), np.repeat(share, 2)[place].tolist())
