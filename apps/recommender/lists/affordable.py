"""How much nDCG a weight may cost: chosen on lists whose right items are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

ONE_SIDED_95 = 1.645

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """What one weight gives: means over the lists.

    `gained` is of what the weight is for; `cost` the share of nDCG lost against weight 0, `most`
    the upper end of its one-sided 95 % interval.
    """

    weight: float
    ndcg: float
    gained: float
    cost: float
    most: float


@dataclass(frozen=True)
class Choice:
    """The chosen weight and all that were tried."""

    weight: float
    trials: list[Trial]

    @property
    def chosen(self) -> Trial:
        """What the chosen weight gives."""
        return next(one for one in self.trials if one.weight == self.weight)


def choose_affordable(
    attempt: Callable[[float], tuple[Floats, float]],
    weights: Sequence[float],
    max_ndcg_loss: float,
) -> Choice:
    """The weight that gains most, and costs at most `max_ndcg_loss` of nDCG.

    The loss is a share of nDCG (0.01: from 0.300 to 0.297), counted from weight 0, and its whole
    one-sided 95 % interval keeps within the limit: of few lists, the cheapest weight is cheap by
    chance. Weights are tested from the smallest up, and those behind the first that fails are not
    taken, so that the 95 % hold for whichever is chosen (a fixed sequence of tests: Angelopoulos et
    al. 2021, arXiv 2110.01052). Weight 0 costs nothing, so there is always a choice; no other is
    tried where lists at weight 0 hold nothing right, or there is but one, for no loss shows there.

    Args:
        attempt: a weight → nDCG of each list, NaN where nothing is right, and what is gained.
    """
    plain, gained = attempt(0.0)
    whole = mean_known(plain)
    trials = [Trial(0.0, whole, gained, 0.0, 0.0)]
    tells = whole > 0 and np.count_nonzero(~np.isnan(plain)) > 1
    for weight in sorted({*weights} - {0.0}) if tells else ():
        ndcg, gained = attempt(weight)
        lost, error = mean_known(plain - ndcg), _standard_error(plain - ndcg)
        shares = lost / whole, (lost + ONE_SIDED_95 * error) / whole
        trials.append(Trial(weight, mean_known(ndcg), gained, *shares))
    affordable = takewhile(lambda one: one.most <= max_ndcg_loss, trials)
    best = max(affordable, key=lambda one: (one.gained, -one.weight), default=trials[0])
    return Choice(best.weight, trials)


def mean_known(values: Floats) -> float:
    """Of what is not NaN; 0 where all is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _standard_error(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1) / np.sqrt(len(known)))
