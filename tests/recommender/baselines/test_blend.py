from __future__ import annotations

import numpy as np

from apps.recommender.baselines.blend import Blend, blend_of, blendable, blended
from apps.recommender.baselines.counting import ItemMean, Popularity
from apps.recommender.baselines.reading import Bm25
from apps.recommender.retrieval.collaborative import Ease, ItemKnn

RANKING = np.array([[0.1, 0.4, 0.3, 0.2, -np.inf]], np.float32)
SIMPLE = np.array([[9.0, 1.0, 1.0, 5.0, 99.0]], np.float32)


def _order(scores: np.ndarray) -> list[int]:
    return np.argsort(-scores[0], kind="stable").tolist()


def test_alone_the_simple_method_orders_all_and_the_ranking_what_is_equal_for_it() -> None:
    found = blended(RANKING, SIMPLE, 1.0)
    assert _order(found) == [0, 3, 1, 2, 4]
    assert np.isneginf(found[0, 4])


def test_at_no_weight_the_ranking_stays() -> None:
    assert _order(blended(RANKING, SIMPLE, 0.0)) == [1, 2, 3, 0, 4]


def test_in_between_what_both_hold_high_comes_first() -> None:
    ranking = np.array([[3.0, 2.9, 0.0, 1.0, 0.5]], np.float32)
    simple = np.array([[0.0, 2.9, 3.0, 1.0, 0.5]], np.float32)
    assert _order(blended(ranking, simple, 0.5))[0] == 1


def test_a_release_keeps_the_setting_that_was_found() -> None:
    methods = [Popularity(30), ItemMean(5.0), ItemKnn(shrinkage=1.0), Ease(3000.0), Bm25()]
    assert blendable(methods) == methods[:4]
    assert [blend_of(one) for one in methods[:4]] == [
        Blend("popularity", 30),
        Blend("item mean", 5.0),
        Blend("item-kNN", 1.0),
        Blend("EASE", 3000.0),
    ]
