from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.lists.diversity import FIRST
from apps.recommender.lists.margins import (
    MarginChoice,
    check_margins,
    choose_margin_weight,
    not_weighed,
    with_margins,
)
from apps.recommender.schema import Item
from common.errors import UserError
from common.evaluation.ranking import ndcg_at_k

NOTHING = -np.inf


def _best(scores: np.ndarray) -> list[int]:
    return [int(n) for n in np.argsort(-scores[0], kind="stable") if np.isfinite(scores[0, n])]


def test_of_what_suits_nearly_as_well_the_profitable_stands_first() -> None:
    scores = np.array([[5.0, 4.9, 1.0, 0.9, NOTHING]], np.float32)
    earned = np.array([[1.0, 2.0, 0.1, -0.5, 9.0]])
    found = with_margins(scores, earned, 0.1)
    # The third earns less by far than the first two, and is not what anybody wants.
    assert _best(found) == [1, 0, 2, 3]
    assert _best(with_margins(scores, -earned, 0.1)) == [0, 1, 3, 2]
    assert with_margins(scores, earned, 0.0) is scores


def test_a_margin_that_all_share_changes_nothing() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(5, 30)).astype(np.float32)
    probability = 1 / (1 + np.exp(-scores.astype(np.float64)))
    for margin in (2.0, 1e-9):
        np.testing.assert_array_equal(with_margins(scores, probability * margin, 0.5), scores)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.3, 0.9]), st.integers(1, FIRST + 40))
def test_scores_stay_the_same_numbers_and_what_is_far_down_stays(
    seed: int, weight: float, places: int
) -> None:
    random = np.random.default_rng(seed)
    scores = np.round(random.normal(size=(3, places)), 1).astype(np.float32)
    scores[random.random(scores.shape) < 0.2] = NOTHING
    earned = random.normal(size=scores.shape)
    found = with_margins(scores, earned, weight)
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(scores, 1))
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(scores))
    behind = np.argsort(-scores, 1, kind="stable")[:, FIRST:]
    taken = (np.take_along_axis(values, behind, 1) for values in (found, scores))
    np.testing.assert_array_equal(*taken)


def _choose(max_ndcg_loss: float) -> tuple[MarginChoice, dict[str, Any]]:
    """Right items stand high by chance; margins have nothing to do with it."""
    random = np.random.default_rng(2)
    scores = random.normal(size=(400, 60)).astype(np.float32)
    probability = 1 / (1 + np.exp(3 - 1.5 * scores.astype(np.float64)))
    hits = random.random(scores.shape) < probability
    margin = random.lognormal(size=scores.shape)
    earned = probability * margin

    def order(weight: float) -> np.ndarray:
        found = np.argsort(-with_margins(scores, earned, weight), 1, kind="stable")
        return np.asarray(found[:, :10], np.int32)

    of = {"order": order, "earned": earned, "margin": margin, "hits": hits, "sold": hits}
    found = choose_margin_weight(**of, relevant=hits.sum(1), max_ndcg_loss=max_ndcg_loss)
    return found, of


def test_the_weight_chosen_earns_most_within_the_loss() -> None:
    found, of = _choose(0.05)
    chosen, plain = found.choice.chosen, found.choice.trials[0]
    assert 0 < chosen.weight < 0.9 and chosen.most <= 0.05
    assert chosen.gained > 1.05 * plain.gained
    # What the model expects comes true where its probabilities are right.
    assert found.realised[chosen.weight] == pytest.approx(chosen.gained, rel=0.1)
    places = of["order"](chosen.weight)
    first = np.take_along_axis(of["hits"], places, 1)
    assert np.nanmean(ndcg_at_k(first, of["hits"].sum(1), 10)) == pytest.approx(chosen.ndcg)
    assert f"Margins weigh {chosen.weight:g}" in found.sentence
    assert _choose(0.5)[0].choice.weight > chosen.weight
    assert [one["realised"] for one in found.to_json()["tried"]] == [*found.realised.values()]


def test_without_a_price_margins_count_for_nothing() -> None:
    found, _ = _choose(0.0)
    assert found.choice.weight == 0
    assert "count for nothing" in found.sentence


def test_a_release_learned_without_margins_keeps_the_price_and_no_weight() -> None:
    earlier = _choose(0.05)[0].to_json()
    found = not_weighed(earlier)
    assert found is not None and found.keys() == earlier.keys()
    assert (found["max_ndcg_loss"], found["weight"], found["tried"]) == (0.05, 0.0, [])
    assert not_weighed(None) is None


def test_an_item_without_a_margin_counts_with_the_median() -> None:
    margins = [4.0, None, -1.0, 2.0]
    items = [Item(item_id=str(n), title="a", margin=m) for n, m in enumerate(margins)]
    assert build_catalogue(items).margin_or_median is not None
    np.testing.assert_array_equal(build_catalogue(items).margin_or_median, [4, 2, -1, 2])


def test_margins_that_nobody_knows_are_not_weighed() -> None:
    catalogue = build_catalogue([Item(item_id="a", title="a")])
    assert catalogue.margin_or_median is None
    check_margins(catalogue, None)
    with pytest.raises(UserError, match="no item has a margin"):
        check_margins(catalogue, 0.01)
