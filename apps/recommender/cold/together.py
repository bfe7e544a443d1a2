"""Cold items and all others in one order: what makes the scores of both comparable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apps.recommender.cold.places import falling_by, ranks
from apps.recommender.cold.scoring import FEWEST_LISTS
from apps.recommender.ranking.listwise import Linear, fit_linear

Float32 = NDArray[np.float32]

# Of the ranking; whether somebody has met the item, or nobody, for no weight is below 0; minus the
# logarithm of a cold item's place among the cold ones, of which only the first are worth anything.
SIGNALS = ("score", "met", "new", "place")
MET = SIGNALS.index("met")
FOLDS = 5
# Of a list. The others stay as they are scored: a bonus would fill all further places with them.
MOST_LIFTED = 3


def signals(scores: Float32, cold: Float32) -> Float32:
    """[users, places, SIGNALS]; NaN where nothing is known, all of it where no candidate is.

    Args:
        scores: [users, places]; -inf where there is no candidate.
        cold: [users, places], what orders the cold candidates; -inf where one is not cold.
    """
    is_cold = np.isfinite(cold)
    place = np.where(is_cold, -np.log1p(ranks(cold)), np.nan)
    found = np.stack([scores, ~is_cold, is_cold, place], 2).astype(np.float32)
    found[np.isneginf(scores)] = np.nan
    return found


def fit_together(scores: Float32, cold: Float32, taken: NDArray[np.bool_]) -> Linear | None:
    """Weights of `SIGNALS` under which what was taken is likely among all candidates of its list.

    A ranking that learned from items which were met has seldom seen a cold one taken. What it says
    of them is too little or too much; how much, lists of a later time tell.

    Args:
        scores, cold: as of `signals`.
        taken: [users, places].

    Returns:
        None where too few cold items were taken to learn from.
    """
    if (taken & np.isfinite(cold)).any(1).sum() < FEWEST_LISTS:
        return None
    return _fit(signals(scores, cold), taken)


def held_out(
    scores: Float32, cold: Float32, taken: NDArray[np.bool_]
) -> list[tuple[NDArray[np.int64], Linear]]:
    """Folds of lists, by their rows, and the same learned from the lists of all other folds."""
    known = signals(scores, cold)
    rows = np.array_split(np.random.default_rng(0).permutation(len(scores)), FOLDS)
    rest = [np.setdiff1d(np.arange(len(scores)), fold) for fold in rows]
    return [(fold, _fit(known[own], taken[own])) for fold, own in zip(rows, rest, strict=True)]


def _fit(known: Float32, taken: NDArray[np.bool_]) -> Linear:
    has_any = taken.any(1)
    gain = taken[has_any].astype(np.float64)
    return fit_linear(known[has_any], gain, np.arange(len(SIGNALS)))


def raised(linear: Linear, bonus: float) -> Linear:
    """The same with cold items higher: their odds beside the others are `exp(bonus)` times."""
    weights = linear.weights.copy()
    weights[MET] -= bonus * linear.scale[MET]
    return replace(linear, weights=weights)


def in_one_order(scores: Float32, cold: Float32, linear: Linear) -> Float32:
    """Scores in the order of `linear`: the numbers of each list stay, at other places of it.

    Only the first `MOST_LIFTED` cold items of a list move; all others stay in their order among
    themselves.

    Args:
        scores, cold: as of `signals`.
        linear: weighs `SIGNALS`.
    """
    if not np.isfinite(cold).any():
        return scores
    lifted = np.where(ranks(cold) < MOST_LIFTED, cold, np.float32(-np.inf))
    worth = linear.score(signals(scores, lifted))
    # Among equals, as they are scored.
    order = np.lexsort((-scores, -worth, np.isneginf(scores)), axis=1)
    place = np.empty(order.shape)
    np.put_along_axis(place, order, np.arange(order.shape[1], dtype=np.float64)[None], 1)
    return falling_by(scores, place)
