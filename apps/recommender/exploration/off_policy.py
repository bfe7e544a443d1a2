"""What a release would have earned, by what another one showed and how probable that was.

The value is the mean reward of a shown place. Of a place of a list, the release that is asked about
would have shown one item; a row of the log counts where that is the item which was shown, divided
by its propensity (the item-position model of Li et al. 2018, arXiv 1804.10488):

- IPS: the mean of w r, w = 1[same item] / propensity (Horvitz & Thompson 1952).
- SNIPS: the sum of w r over that of w (Swaminathan & Joachims 2015).
- doubly robust: the mean of q(new item) + w (r − q(shown item)), q the estimated reward of an item
  at a place (Dudík, Langford & Li 2011, arXiv 1103.4601), fitted on the other half of the users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.console import progress
from common.errors import RefusedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 2000
# Below either, a few rows decide, and the interval cannot be believed.
LEAST_EFFECTIVE, LEAST_SHARE = 100, 0.05
# Shown so often, an item's own mean says as much as that of its place.
PRIOR_ROWS = 10.0
FOLDS = 2
# Resamples times users that are held at once.
CELLS = 2**22


@dataclass(frozen=True)
class Logged:
    """Rows of a log and, beside each, what another release shows there.

    Attributes:
        user: [rows] numbers from 0.
        item: [rows] numbers from 0, of what was shown.
        new: [rows], of what the release shows to this user at this place; -1: nothing.
        position: [rows] from 1.
        propensity: [rows], above 0.
        reward: [rows].
    """

    user: Ints
    item: Ints
    new: Ints
    position: Ints
    propensity: Floats
    reward: Floats

    def __len__(self) -> int:
        return len(self.user)

    @property
    def weight(self) -> Floats:
        """[rows], w."""
        return np.where(self.item == self.new, 1 / self.propensity, 0.0)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OffPolicy:
    """What can be said of a release.

    Attributes:
        rows, users: of the log.
        effective_rows: (Σw)² / Σw² (Kish 1965), by how many rows it is decided.
        mean_weight: 1 where the log could have shown all that the release shows; with its interval.
        estimates: `logged` (what was earned), `ips`, `snips`, `doubly_robust`.
    """

    rows: int
    users: int
    effective_rows: float
    mean_weight: Estimate
    estimates: Mapping[str, Estimate]

    @property
    def lacks_support(self) -> bool:
        """Whether the release shows what the log could not: then IPS is too low."""
        return self.mean_weight.high < 1


def evaluate(logged: Logged, *, resamples: int = RESAMPLES, seed: int = 0) -> OffPolicy:
    """Estimate the value of a release; users are resampled for the intervals.

    Raises:
        RefusedError: too few rows decide.
    """
    weight, reward = logged.weight, logged.reward
    effective = effective_rows(weight)
    _check(effective, len(logged))
    robust = _doubly_robust(logged, weight, seed)
    users, user = np.unique(logged.user, return_inverse=True)
    columns = np.stack([np.ones(len(logged)), reward, weight, weight * reward, robust], 1)
    of_user = [np.bincount(user, column, len(users)) for column in columns.T]
    sums: Floats = np.stack(of_user, 1).astype(np.float64)
    ratios = {
        "logged": (1, 0),
        "ips": (3, 0),
        "snips": (3, 2),
        "doubly_robust": (4, 0),
        "mean_weight": (2, 0),
    }
    moments = np.stack([_moments(sums[:, a], sums[:, b]) for a, b in ratios.values()], 1)
    drawn = _resampled(moments.reshape(len(users), -1), resamples, seed)
    drawn = drawn.reshape(resamples, len(ratios), -1)
    found = {name: _estimate(moments[:, n].sum(0), drawn[:, n]) for n, name in enumerate(ratios)}
    mean_weight = found.pop("mean_weight")
    return OffPolicy(len(logged), len(users), effective, mean_weight, found)


def effective_rows(weight: Floats) -> float:
    """(Σw)² / Σw²; 0 where no row counts."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _check(effective: float, rows: int) -> None:
    if effective >= LEAST_EFFECTIVE and effective >= LEAST_SHARE * rows:
        return
    few = (
        f"fewer than {LEAST_EFFECTIVE}"
        if effective < LEAST_EFFECTIVE
        else f"less than {LEAST_SHARE:.0%}"
    )
    raise RefusedError(
        f"the log decides nothing: of {rows:,} rows {effective:,.1f} count effectively, {few}",
        hint="The release shows too little of what was shown, or it was shown too rarely. "
        "Explore more (serve --explore), log for longer, or compare the two in an experiment.",
    )


def _doubly_robust(logged: Logged, weight: Floats, seed: int) -> Floats:
    """[rows] q(new) + w (r − q(shown)); q of each user is fitted on the users of the other fold."""
    users, user = np.unique(logged.user, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(users))[user] % FOLDS
    found = np.empty(len(logged))
    for one in range(FOLDS):
        here = fold == one
        rewards = _fitted(logged, ~here)
        position = logged.position[here]
        shown = rewards.at(logged.item[here], position)
        # Where it shows nothing, nothing is earned.
        new = np.where(logged.new[here] < 0, 0.0, rewards.at(logged.new[here], position))
        found[here] = new + weight[here] * (logged.reward[here] - shown)
    return found


@dataclass(frozen=True)
class _Rewards:
    """What an item earns at a place: the mean of the place, and what the item adds to it.

    `of_place` is [places + 1], `of_item` [items].
    """

    of_place: Floats
    of_item: Floats

    def at(self, item: Ints, position: Ints) -> Floats:
        """[rows]."""
        return self.of_place[position] + self.of_item[np.maximum(item, 0)]


def _fitted(logged: Logged, rows: NDArray[np.bool_]) -> _Rewards:
    item, position, reward = logged.item[rows], logged.position[rows], logged.reward[rows]
    places = int(logged.position.max()) + 1
    items = int(max(logged.item.max(), logged.new.max())) + 1
    mean = float(reward.mean()) if len(reward) else 0.0
    counts = np.bincount(position, minlength=places)
    sums = np.bincount(position, reward, places)
    of_place = (sums + PRIOR_ROWS * mean) / (counts + PRIOR_ROWS)
    left = reward - of_place[position]
    of_item = np.bincount(item, left, items) / (np.bincount(item, minlength=items) + PRIOR_ROWS)
    return _Rewards(of_place, of_item)


def _resampled(sums: Floats, resamples: int, seed: int) -> Floats:
    """[resamples, columns], `sums` [users, columns] over users drawn with replacement."""
    random = np.random.default_rng(seed)
    users = len(sums)
    drawn = np.empty((resamples, sums.shape[1]))
    block = max(1, CELLS // users)
    with progress("Resampling", resamples) as advance:
        for start in range(0, resamples, block):
            size = min(block, resamples - start)
            times = random.multinomial(users, np.full(users, 1 / users), size=size)
            drawn[start : start + size] = times @ sums
            advance(size)
    return drawn


def _estimate(total: Floats, drawn: Floats) -> Estimate:
    """A ratio of sums over users, with its bootstrap-t interval (Efron & Tibshirani 1993, 12.5).

    Weights are skewed, and an interval of mere percentiles would be too short on one side.

    Args:
        total: [moments]; `drawn`: [resamples, moments].
    """
    value, error = _ratio_and_error(*total)
    values, errors = _ratio_and_error(*drawn.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = (values - value) / errors
    away = away[np.isfinite(away)]
    if not len(away) or not error:
        return Estimate(float(value), float(value), float(value))
    low, high = np.percentile(away, [2.5, 97.5])
    return Estimate(float(value), float(value - high * error), float(value - low * error))


def _moments(above: Floats, below: Floats) -> Floats:
    return np.stack([above, below, above**2, above * below, below**2], 1)


def _ratio_and_error(
    above: Floats, below: Floats, above2: Floats, both: Floats, below2: Floats
) -> tuple[Floats, Floats]:
    """The ratio and its standard error by the delta method, from sums over users."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = above / below
        # What rounding leaves of a variance of zero may be below it.
        variance = np.maximum(above2 - 2 * value * both + value**2 * below2, 0)
        return value, np.sqrt(variance) / np.abs(below)
