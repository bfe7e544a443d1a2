"""Which weight may be taken, by what lists show of its cost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.recommender.lists.affordable import choose_affordable

WEIGHTS = (0.1, 0.2, 0.4, 0.8)
Floats = NDArray[np.float64]


def test_nothing_is_taken_behind_the_first_weight_that_is_not_shown_to_be_cheap() -> None:
    random = np.random.default_rng(0)
    plain = random.random(500)
    # By chance the dearest looks as cheap as the first.
    cost = {0.0: 0.0, 0.1: 0.001, 0.2: 0.005, 0.4: 0.2, 0.8: 0.001}
    found = choose_affordable(lambda w: (plain * (1 - cost[w]), w), WEIGHTS, 0.01)
    assert found.weight == 0.2 == found.chosen.gained
    assert found.chosen.cost == pytest.approx(0.005)
    assert [one.weight for one in found.trials] == [0.0, *WEIGHTS]


def test_the_promise_is_kept_whichever_weight_is_chosen() -> None:
    """All weights cost a little more than they may: one in twenty draws lets one of them pass."""
    random = np.random.default_rng(0)
    passed = 0
    for _ in range(2_000):
        plain = random.normal(0.3, 0.05, 100)
        noise = {w: random.normal(0.0031, 0.02, 100) for w in WEIGHTS}
        found = choose_affordable(lambda w: (plain - noise.get(w, 0), w), WEIGHTS, 0.01)  # noqa: B023
        passed += found.weight > 0
    assert passed / 2_000 < 0.06


@pytest.mark.parametrize(
    "plain", [np.zeros(40), np.full(40, np.nan), np.array([0.4, np.nan]), np.empty(0)]
)
def test_where_no_loss_can_be_seen_nothing_is_taken(plain: Floats) -> None:
    found = choose_affordable(lambda w: (plain, w), WEIGHTS, 0.5)
    assert found.weight == 0
    assert np.isfinite([found.chosen.cost, found.chosen.most, found.chosen.ndcg]).all()
