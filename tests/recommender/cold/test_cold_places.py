from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.cold.places import check_cold_places, with_places
from common.errors import UserError

NONE = -np.inf


def _order(scores: np.ndarray) -> list[list[int]]:
    return np.argsort(-scores, axis=1, kind="stable").tolist()


def test_every_third_place_goes_to_the_best_cold_item_that_is_left() -> None:
    scores = np.arange(12, 0, -1, dtype=np.float32)[None]
    cold = np.array([[NONE] * 9 + [1, 3, 2]], np.float32)
    found = with_places(scores, cold, 3)
    assert _order(found) == [[0, 1, 10, 2, 3, 11, 4, 5, 9, 6, 7, 8]]
    assert sorted(found[0].tolist()) == sorted(scores[0].tolist())


def test_nothing_cold_moves_down_and_empty_places_stay_empty() -> None:
    scores = np.array([[9, 8, 7, NONE], [9, NONE, NONE, NONE]], np.float32)
    cold = np.array([[1, NONE, NONE, NONE], [NONE, NONE, NONE, NONE]], np.float32)
    found = with_places(scores, cold, 2)
    assert _order(found)[0] == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(scores))


def test_without_a_step_or_a_cold_item_nothing_changes() -> None:
    scores = np.array([[1, 2, 3]], np.float32)
    cold = np.array([[1, NONE, NONE]], np.float32)
    np.testing.assert_array_equal(with_places(scores, cold, 0), scores)
    np.testing.assert_array_equal(with_places(scores, np.full((1, 3), NONE), 2), scores)


def test_a_number_that_no_step_gives_is_refused() -> None:
    check_cold_places(None)
    check_cold_places(3)
    with pytest.raises(UserError, match="--cold-places 4"):
        check_cold_places(4)
