"""A linear order of candidates, fitted list by list: what the trees of the ranker start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# How strongly weights are drawn to 0, beside the sum of the losses of all lists.
RIDGE = 5.0


@dataclass(frozen=True)
class Linear:
    """Weights of standardised features; 0 for those that it does not look at.

    `mean`, `scale` and `weights` are [features].
    """

    mean: Float32
    scale: Float32
    weights: Float32

    def to_json(self) -> dict[str, list[float]]:
        """What `linear_of` reads."""
        return {name: values.tolist() for name, values in vars(self).items()}

    def contributions(self, features: Float32) -> Float32:
        """[…, features], what each adds to the score; nothing where it is not known."""
        added = (features - self.mean) / self.scale * self.weights
        return np.asarray(np.nan_to_num(added, copy=False), np.float32)

    def score(self, features: Float32) -> Float32:
        """[…, features] → […]."""
        used = np.flatnonzero(self.weights)
        known = (features[..., used] - self.mean[used]) / self.scale[used]
        scores: Float32 = np.nan_to_num(known, copy=False) @ self.weights[used]
        return scores


def linear_of(stored: Mapping[str, list[float]]) -> Linear:
    """What `to_json` gave."""
    return Linear(**{name: np.array(values, np.float32) for name, values in stored.items()})


def fit_linear(features: Float32, gain: Float64, used: NDArray[np.int64]) -> Linear:
    """Weights that make what was taken likely among all candidates of its list.

    ListNet's loss (Cao et al. 2007): cross-entropy of a softmax over each list and the shares of
    what was gained, with a ridge. No weight is below 0: a feature speaks for an item or not at all.

    Args:
        features: [lists, places, features]; all NaN where there is no candidate.
        gain: [lists, places], 0 where nothing was taken; something was in each list.
        used: numbers of the features that are looked at.
    """
    from scipy.optimize import minimize

    mean = np.zeros(features.shape[2], np.float32)
    scale, weights = np.ones_like(mean), np.zeros_like(mean)
    if not len(used):
        return Linear(mean, scale, weights)
    there = ~np.isnan(features).all(2)
    values = features[there][:, used].astype(np.float64)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    middle = np.where(known, values, 0).sum(0) / count
    spread = np.sqrt(np.where(known, (values - middle) ** 2, 0).sum(0) / count)
    spread = np.where(spread > 0, spread, 1.0)
    values = np.where(known, (values - middle) / spread, 0)
    share = (gain / gain.sum(1, keepdims=True))[there]
    begin = np.concatenate([[0], np.cumsum(there.sum(1))[:-1]])
    of = np.repeat(np.arange(len(features)), there.sum(1))

    def loss(weight: Float64) -> tuple[float, Float64]:
        score = values @ weight
        score -= np.maximum.reduceat(score, begin)[of]
        odds = np.exp(score)
        total = np.add.reduceat(odds, begin)
        value = np.log(total).sum() - share @ score + RIDGE * weight @ weight
        slope = values.T @ (odds / total[of] - share) + 2 * RIDGE * weight
        return float(value), slope

    start = np.zeros(len(used))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(used))
    mean[used], scale[used], weights[used] = middle, spread, found.x
    return Linear(mean, scale, weights)
