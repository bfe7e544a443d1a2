"""Simulated shops, whose releases have a value that is known."""

from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.exploration.off_policy import Logged, OffPolicy, evaluate
from benchmarks.recommender_off_policy import ITEMS, world
from common.errors import RefusedError

WORLDS = 100


@pytest.fixture(scope="module")
def worlds() -> list[tuple[OffPolicy, float]]:
    made = (world(seed) for seed in range(WORLDS))
    return [(evaluate(logged, resamples=500), value) for logged, value in made]


@pytest.mark.parametrize("name", ["ips", "snips", "doubly_robust"])
def test_the_known_value_lies_in_the_interval(
    worlds: list[tuple[OffPolicy, float]], name: str
) -> None:
    inside = [
        found.estimates[name].low <= value <= found.estimates[name].high for found, value in worlds
    ]
    assert sum(inside) >= 93
    errors = [found.estimates[name].value - value for found, value in worlds]
    assert abs(np.mean(errors)) < 2 * np.std(errors) / np.sqrt(WORLDS), "no bias"


def test_what_was_earned_is_not_what_the_release_would_earn(
    worlds: list[tuple[OffPolicy, float]],
) -> None:
    outside = [
        not found.estimates["logged"].low <= v <= found.estimates["logged"].high
        for found, v in worlds
    ]
    assert sum(outside) > 30


def test_the_doubly_robust_estimate_varies_least(worlds: list[tuple[OffPolicy, float]]) -> None:
    def spread(name: str) -> float:
        return float(np.std([found.estimates[name].value - value for found, value in worlds]))

    assert spread("doubly_robust") < spread("ips")


@pytest.mark.parametrize(
    ("sharpness", "users", "said"), [(0.5, 60, "fewer than 100"), (2, 20_000, "less than 5%")]
)
def test_few_effective_rows_are_refused(sharpness: float, users: int, said: str) -> None:
    logged, _ = world(1, sharpness, users)
    with pytest.raises(RefusedError, match=said):
        evaluate(logged)


def test_a_release_that_shows_what_was_never_shown_is_told() -> None:
    logged, _ = world(2, users=2000)
    assert not evaluate(logged).lacks_support
    unseen = Logged(
        logged.user,
        logged.item,
        np.where(logged.user % 2, ITEMS, logged.new),
        logged.position,
        logged.propensity,
        logged.reward,
    )
    found = evaluate(unseen)
    assert found.lacks_support
    assert found.mean_weight.value == pytest.approx(0.5, abs=0.1)


def test_the_same_release_earns_what_was_logged() -> None:
    logged, _ = world(3)
    same = Logged(
        logged.user,
        logged.item,
        logged.item,
        logged.position,
        np.ones(len(logged)),
        logged.reward,
    )
    found = evaluate(same).estimates
    assert found["ips"] == found["snips"] == found["logged"]
    assert found["ips"].value == logged.reward.mean()
