from __future__ import annotations

import numpy as np

from apps.recommender.cold.scoring import FEWEST_LISTS
from apps.recommender.cold.together import MET, SIGNALS, fit_together, in_one_order, raised, signals
from apps.recommender.ranking.listwise import Linear

NONE = np.float32(-np.inf)
EVEN = Linear(
    np.zeros(len(SIGNALS), np.float32),
    np.ones(len(SIGNALS), np.float32),
    np.array([1, 0, 0, 0.1], np.float32),
)


def _order(scores: np.ndarray) -> list[list[int]]:
    return np.argsort(-scores, axis=1, kind="stable").tolist()


def test_a_bonus_lifts_the_best_cold_items_and_leaves_the_others_in_their_order() -> None:
    scores = np.array([[5, 4, 3, 2, 1, NONE]], np.float32)
    cold = np.array([[NONE, NONE, NONE, 1, 2, NONE]], np.float32)
    orders = [_order(in_one_order(scores, cold, raised(EVEN, bonus)))[0] for bonus in (0, 2.5, 9)]
    assert orders[0] == [0, 1, 2, 3, 4, 5]
    assert orders[1] == [0, 3, 1, 4, 2, 5]
    assert orders[2] == [3, 4, 0, 1, 2, 5]
    found = in_one_order(scores, cold, raised(EVEN, 9.0))
    assert sorted(found[0].tolist()) == sorted(scores[0].tolist())


def test_a_list_is_not_filled_with_cold_items() -> None:
    scores = np.arange(20, 0, -1, dtype=np.float32)[None]
    cold = np.where(np.arange(20) >= 10, scores, NONE)
    order = _order(in_one_order(scores, cold, raised(EVEN, 99.0)))[0]
    assert order == [10, 11, 12, *range(10), *range(13, 20)]


def test_without_cold_items_nothing_changes() -> None:
    scores = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(in_one_order(scores, np.full((1, 3), NONE), EVEN), scores)


def _lists(lists: int, worth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half of the items are cold; they are taken as if they scored `worth` more than they do."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(lists, 40)).astype(np.float32)
    is_cold = np.arange(40) % 2 == 1
    cold = np.where(is_cold, random.normal(size=scores.shape), NONE).astype(np.float32)
    chance = 1 / (1 + np.exp(4 - 2 * (scores + worth * is_cold)))
    return scores, cold, random.random(scores.shape) < chance


def test_what_cold_items_are_worth_is_learned_from_what_was_taken() -> None:
    gained = []
    for worth in (-1.0, 0.0, 1.0):
        scores, cold, taken = _lists(500, worth)
        linear = fit_together(scores, cold, taken)
        assert linear is not None
        first = np.argsort(-linear.score(signals(scores, cold)), axis=1)[:, :10]
        gained.append(np.isfinite(np.take_along_axis(cold, first, 1)).mean())
    assert gained[0] < 0.2 and 0.4 < gained[1] < 0.6 and gained[2] > 0.8


def test_few_lists_teach_no_order() -> None:
    scores, cold, taken = _lists(FEWEST_LISTS - 1, 0.0)
    assert fit_together(scores, cold, taken) is None
    scores, cold, taken = _lists(200, 0.0)
    assert fit_together(scores, np.full_like(cold, NONE), taken) is None
    assert raised(EVEN, 1.0).weights[MET] == -1
