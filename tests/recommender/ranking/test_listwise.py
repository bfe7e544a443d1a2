from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.ranking.listwise import RIDGE, Linear, fit_linear


def _lists(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """The first feature speaks for what is taken, the second against it, the third is noise."""
    random = np.random.default_rng(0)
    features = random.normal(size=(count, 12, 3)).astype(np.float32)
    worth = 1.5 * features[:, :, 0] - features[:, :, 1] + random.normal(size=(count, 12))
    gain = (worth >= np.sort(worth, 1)[:, -3:-2]).astype(float)
    features[:, -1] = np.nan
    gain[:, -1] = 0
    gain[:, 0] += gain.sum(1) == 0
    return features, gain


@pytest.fixture(scope="module")
def linear() -> Linear:
    return fit_linear(*_lists(), np.array([0, 1]))


def test_a_feature_speaks_for_an_item_or_not_at_all(linear: Linear) -> None:
    assert linear.weights[0] > 0.5
    assert linear.weights[1] == 0, "it speaks against"
    assert linear.weights[2] == 0, "it is not looked at"


def test_the_weights_are_the_best_there_are(linear: Linear) -> None:
    features, gain = _lists()
    there = ~np.isnan(features).all(2)

    def loss(linear: Linear) -> float:
        scores = np.where(there, linear.score(features), -np.inf)
        logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        share = gain / gain.sum(1, keepdims=True)
        taken = -(share[there] * logs[there]).sum()
        return float(taken + RIDGE * (linear.weights**2).sum())

    best = loss(linear)
    for change in ([0.02, 0, 0], [-0.02, 0, 0], [0, 0.02, 0]):
        other = Linear(linear.mean, linear.scale, linear.weights + np.float32(change))
        assert loss(other) > best


def test_contributions_add_up_and_what_is_not_known_adds_nothing(linear: Linear) -> None:
    features = np.array([[1.0, 2.0, 3.0], [np.nan, 2.0, 3.0]], np.float32)
    added = linear.contributions(features)
    assert np.allclose(added.sum(1), linear.score(features))
    assert added[1].tolist() == [0, 0, 0]


def test_without_features_to_look_at_all_are_equal() -> None:
    features, gain = _lists()
    assert not fit_linear(features, gain, np.empty(0, int)).score(features[:, :3]).any()
