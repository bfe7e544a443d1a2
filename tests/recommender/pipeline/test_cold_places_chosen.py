"""Where cold items stand, chosen by what it finds and what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.cold.places import STEPS, with_places
from apps.recommender.evaluate import Evaluation
from apps.recommender.pipeline import cold as choosing
from apps.recommender.pipeline.cold import BONUSES, choose_places

LISTS, PLACES = 60, 30
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(LISTS, PLACES)).astype(np.float32)
COLD = np.where(np.arange(PLACES) % 3 == 0, SCORES - 3, -np.inf).astype(np.float32)
TAKEN = SCORES > 1
NONE = np.full_like(COLD, -np.inf)


def _figures(ndcg: float, cold: float) -> Evaluation:
    metrics = {"ndcg@10": np.full(4, ndcg), "cold_items/ndcg@10": np.array([cold, np.nan] * 2)}
    return Evaluation("", metrics, {})


@pytest.mark.parametrize(("asked", "step"), [(None, 0), (0, 0), (5, 2)])
def test_places_are_kept_where_they_are_asked_for(asked: int | None, step: int) -> None:
    reached = {0: (0.3, 0.01), 10: (0.299, 0.02), 5: (0.298, 0.03), 3: (0.28, 0.04), 2: (0.2, 0.1)}

    def evaluate(placed: np.ndarray) -> Evaluation:
        steps = STEPS.values()
        step = next(s for s in steps if np.array_equal(placed, with_places(SCORES, COLD, s)))
        return _figures(*reached[step])

    nothing = np.zeros_like(TAKEN)
    chosen, order, tried = choose_places(SCORES, COLD, nothing, evaluate, 0.01, asked)
    assert (chosen, order) == (step, None)
    assert [one.count for one in tried] == [0, 1, 2, 3, 5]
    assert [one.count for one in tried if one.is_chosen] == [asked or 0]


def _share(placed: np.ndarray) -> float:
    """Of the first ten places, the share of cold items."""
    first = np.argsort(-placed, axis=1)[:, :10]
    return float(np.isfinite(np.take_along_axis(COLD, first, 1)).mean())


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_bonus_is_taken_that_finds_most_and_is_shown_to_cost_little(spread: float) -> None:
    """Each share of cold items costs; where lists differ much, less of it can be shown."""
    shares: list[float] = []

    def evaluate(placed: np.ndarray) -> Evaluation:
        shares.append(_share(placed))
        more = shares[-1] - shares[0]
        each = 0.3 - 0.02 * max(more, 0) * (1 + spread * np.resize([-30, 30], LISTS))
        metrics = {"ndcg@10": each, "cold_items/ndcg@10": np.full(LISTS, shares[-1])}
        return Evaluation("", metrics, {})

    step, order, tried = choose_places(SCORES, COLD, TAKEN, evaluate, 0.01)
    bonuses = [one for one in tried if one.bonus is not None]
    assert [one.bonus for one in bonuses] == list(BONUSES)
    assert step == 0 and order is not None
    affordable = [one for one in bonuses if one.ndcg >= 0.99 * tried[0].ndcg]
    best = max(affordable, key=lambda one: one.cold_ndcg)
    chosen = next(one for one in bonuses if one.is_chosen)
    assert chosen == best or spread
    # With all lists to learn from, about what was measured on those held out.
    reached = _share(choosing.in_one_order(SCORES, COLD, order))
    if spread:
        assert chosen.cold_ndcg < best.cold_ndcg and reached < best.cold_ndcg - 0.02
    else:
        assert reached == pytest.approx(best.cold_ndcg, abs=0.02)


@pytest.mark.parametrize("cold", [COLD, NONE])
def test_no_order_is_better_than_one_that_costs_too_much(cold: np.ndarray) -> None:
    calls: list[int] = []

    def evaluate(placed: np.ndarray) -> Evaluation:
        calls.append(1)
        return _figures(0.3 if len(calls) == 1 else 0.2, 0.5 * len(calls))

    assert choose_places(SCORES, cold, TAKEN, evaluate, 0.01)[:2] == (0, None)
