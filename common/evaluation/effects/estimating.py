"""The average effect of an action, doubly robust and cross-fitted, with its interval.

For a row with causes x, treatment t and outcome y, let e be the probability of treatment and
m₁, m₀ the expected outcome with and without it, each told by models that did not see the row:

    ψ = m₁ − m₀ + t (y − m₁) / e − (1 − t)(y − m₀) / (1 − e)

The mean of ψ is the effect where either e or m is right (Robins, Rotnitzky & Zhao 1994), and its
standard error that of a mean, for ψ is the influence function (Chernozhukov et al. 2018, arXiv
1608.00060).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.evaluation.effects.decisions import Decisions, Floats
from common.evaluation.effects.overlap import LEAST_PROPENSITY, check_overlap

FOLDS = 5
Z = 1.959964
LEARNERS = ("splines", "trees")
# Where there are fewer, a curve would follow chance.
UNITS_PER_KNOT = 100

Make = Callable[[], Any]


@dataclass(frozen=True)
class Interval:
    """A value, its standard error and its 95 % interval.

    Attributes:
        reach: how many errors the interval reaches to either side.
    """

    value: float
    error: float
    reach: float = Z

    @property
    def low(self) -> float:
        """Lower end."""
        return self.value - self.reach * self.error

    @property
    def high(self) -> float:
        """Upper end."""
        return self.value + self.reach * self.error

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Estimate:
    """What an action caused, on the average of all rows.

    Attributes:
        effect: the mean outcome if all were treated less that if none were.
        with_action, without: those means; `log_ratio` the logarithm of their ratio, None where the
            outcome is no yes or no, or either mean is not above zero.
        naive: the treated less the untreated, nothing adjusted for.
        propensity: [rows], the probability of treatment.
        learners: those that told the propensity and the outcome best.
    """

    effect: Interval
    with_action: Interval
    without: Interval
    log_ratio: Interval | None
    naive: Interval
    propensity: Floats
    learners: tuple[str, str]


def estimate(
    decisions: Decisions, *, learners: Sequence[str] = LEARNERS, seed: int = 0
) -> Estimate:
    """The effect of the action on the outcome.

    Args:
        learners: `splines` (additive, regularised) and `trees` (gradient boosting); the one that
            tells rows that it did not see better is taken, for either model.

    Raises:
        RefusedError: rows that were treated and rows that were not have too little in common, or
            are too few.
    """
    treated, outcome = decisions.treated, decisions.outcome
    fold = _folds(decisions.unit, seed)
    every = np.ones(len(decisions), dtype=bool)
    propensity, first = _told(decisions, treated, every, fold, learners, seed, is_probability=True)
    check_overlap(decisions, propensity)
    propensity = np.clip(propensity, LEAST_PROPENSITY, 1 - LEAST_PROPENSITY)
    means, second = _outcomes(decisions, fold, learners, seed)
    one = means[1] + treated * (outcome - means[1]) / propensity
    none = means[0] + (1 - treated) * (outcome - means[0]) / (1 - propensity)
    with_action, without = _mean(one, decisions.unit), _mean(none, decisions.unit)
    log_ratio = None
    if decisions.is_binary and with_action.value > 0 < without.value:
        parts = (one - with_action.value) / with_action.value
        parts = parts - (none - without.value) / without.value
        log_ratio = replace(
            _mean(parts, decisions.unit), value=float(np.log(with_action.value / without.value))
        )
    return Estimate(
        _mean(one - none, decisions.unit),
        with_action,
        without,
        log_ratio,
        _naive(decisions),
        propensity,
        (first, second),
    )


def _folds(unit: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """[rows]; all decisions of a unit are in one fold."""
    units = int(unit.max()) + 1
    found: NDArray[np.int64] = (np.random.default_rng(seed).permutation(units) % FOLDS)[unit]
    return found


def _outcomes(
    decisions: Decisions, fold: NDArray[np.int64], learners: Sequence[str], seed: int
) -> tuple[dict[int, Floats], str]:
    """Expected outcomes of all rows without the action (0) and with it (1)."""
    found, names = {}, []
    for value in (0, 1):
        own = decisions.treated == value
        found[value], name = _told(
            decisions, decisions.outcome, own, fold, learners, seed,
            is_probability=decisions.is_binary,
        )  # fmt: skip
        names.append(name)
    return found, " and ".join(dict.fromkeys(names))


def _told(
    decisions: Decisions,
    wanted: Floats,
    learned: NDArray[np.bool_],
    fold: NDArray[np.int64],
    learners: Sequence[str],
    seed: int,
    *,
    is_probability: bool,
) -> tuple[Floats, str]:
    """[rows] expected `wanted`, by models of the other folds' `learned` rows, and which learner."""
    best: tuple[float, Floats, str] | None = None
    for name in learners:
        found = np.empty(len(wanted))
        for one in range(FOLDS):
            here, rows = fold == one, learned & (fold != one)
            found[here] = _fit(name, decisions, wanted, rows, here, seed, is_probability)
        loss = float(((wanted - found)[learned] ** 2).mean())
        if best is None or loss < best[0]:
            best = loss, found, name
    assert best is not None
    return best[1], best[2]


def _fit(
    name: str,
    decisions: Decisions,
    wanted: Floats,
    rows: NDArray[np.bool_],
    here: NDArray[np.bool_],
    seed: int,
    is_probability: bool,
) -> Floats:
    """[rows of `here`]; the mean where there is nothing to learn."""
    x, y = decisions.causes[rows], wanted[rows]
    if not x.shape[1] or len(y) < FOLDS or y.min() == y.max():
        return np.full(int(here.sum()), float(y.mean()) if len(y) else float(wanted.mean()))
    units = len(np.unique(decisions.unit[rows]))
    model = _model(name, decisions.is_number, units, seed, is_probability)
    model.fit(x, y)
    if is_probability:
        return np.asarray(model.predict_proba(decisions.causes[here])[:, 1], dtype=float)
    return np.asarray(model.predict(decisions.causes[here]), dtype=float)


def _model(
    name: str, is_number: Sequence[bool], units: int, seed: int, is_probability: bool
) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    if name == "trees":
        make = HistGradientBoostingClassifier if is_probability else HistGradientBoostingRegressor
        return make(
            max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, early_stopping=False,
            random_state=seed,
        )  # fmt: skip
    # As many rows between each two knots, and linear beyond: few rows would bend it anywhere.
    splines = SplineTransformer(
        n_knots=min(max(units // UNITS_PER_KNOT, 3), 8),
        degree=3,
        knots="quantile",
        extrapolation="linear",
        include_bias=False,
    )
    numbers = [n for n, one in enumerate(is_number) if one]
    shape = make_column_transformer((splines, numbers), remainder="passthrough")
    linear = (
        LogisticRegression(C=10.0, max_iter=1000)
        if is_probability
        else RidgeCV(alphas=np.logspace(-3, 3, 7))
    )
    return make_pipeline(shape, linear)


def _mean(values: Floats, unit: NDArray[np.int64]) -> Interval:
    """The mean of rows; its error counts the rows of a unit as one (Liang & Zeger 1986).

    The interval is Student's, of as many values as there are units.
    """
    from scipy.stats import t as student

    mean = float(values.mean())
    sums = np.bincount(unit, values - mean)
    units = len(sums)
    error = float(np.sqrt((sums**2).sum() * units / max(units - 1, 1))) / len(values)
    return Interval(mean, error, float(student.ppf(0.975, max(units - 1, 1))))


def _naive(decisions: Decisions) -> Interval:
    treated, outcome = decisions.treated, decisions.outcome
    share = float(treated.mean())
    one, none = float(outcome[treated == 1].mean()), float(outcome[treated == 0].mean())
    influence = treated * (outcome - one) / share - (1 - treated) * (outcome - none) / (1 - share)
    return replace(_mean(influence, decisions.unit), value=one - none)
