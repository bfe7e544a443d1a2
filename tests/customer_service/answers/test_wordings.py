from __future__ import annotations

import numpy as np
import pytest

from apps.customer_service.answers.wordings import Floats, best, pooled


def _alone(scores: list[float], wordings: int) -> float:
    owners = np.zeros(len(scores), dtype=np.int64)
    return float(pooled(np.array(scores), owners, np.array([wordings]))[0])


@pytest.mark.parametrize("score", [0.0, 0.3, 0.97])
def test_of_wordings_that_score_alike_it_is_their_score(score: float) -> None:
    assert _alone([score], 1) == pytest.approx(score)
    assert _alone([score] * 7, 7) == pytest.approx(score)


def test_nothing_in_common_is_nothing() -> None:
    scored = np.array([-0.2]), np.array([1]), np.array([3, 40])
    assert pooled(*scored).tolist() == [0.0, 0.0]
    assert best(*scored).tolist() == [0.0, -0.2]


def test_the_nearest_wordings_count_most() -> None:
    assert _alone([0.7, 0.1, 0.1], 3) > _alone([0.5, 0.5, 0.5], 3)
    assert _alone([0.6, 0.58, 0.55], 10) > _alone([0.6], 10)


def test_an_faq_is_not_favoured_for_the_number_of_its_wordings() -> None:
    random = np.random.default_rng(0)
    counts, owners = np.array([4, 30]), np.repeat([0, 1], [4, 30])
    asked: list[Floats] = [random.normal(0.4, 0.05, 34).clip(0, 1) for _ in range(300)]
    won = np.mean([np.argmax(pooled(scores, owners, counts)) for scores in asked])
    best = np.mean([scores[4:].max() > scores[:4].max() for scores in asked])
    assert best > 0.85
    assert 0.5 < won < 0.7
