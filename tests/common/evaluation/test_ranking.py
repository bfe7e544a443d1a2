from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score, roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity
from torchmetrics.functional.retrieval import (
    retrieval_normalized_dcg,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from common.evaluation.ranking import (
    area_by_group,
    coverage,
    gini,
    hits,
    intra_list_diversity,
    ndcg_at_k,
    novelty,
    recall_at_k,
    reciprocal_rank_at_k,
)


def test_the_figures_of_one_list_counted_by_hand() -> None:
    found = hits(np.array([[7, 3, 9, 1]]), [np.array([3, 1, 8])])
    assert found.tolist() == [[False, True, False, True]]
    count = np.array([3])
    # Hits in places 2 and 4, of three relevant items: 1/log2(3) + 1/log2(5), over the best three.
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert ndcg_at_k(found, count, 4)[0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / best)
    assert ndcg_at_k(found, count, 2)[0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert recall_at_k(found, count, 2)[0] == pytest.approx(1 / 3)
    assert reciprocal_rank_at_k(found, count, 4)[0] == 0.5
    assert reciprocal_rank_at_k(found, count, 1)[0] == 0.0


def test_figures_agree_with_torchmetrics_and_scikit_learn() -> None:
    random = np.random.default_rng(0)
    scores = random.random((60, 40))
    right = random.random((60, 40)) < random.uniform(0.03, 0.6, (60, 1))
    right[:, 0] = True
    ranked = np.argsort(-scores, axis=1)
    relevant = [np.flatnonzero(row) for row in right]
    found, count = hits(ranked, relevant), right.sum(1)
    for k in (1, 5, 10, 40):
        ndcg = ndcg_at_k(found, count, k)
        assert ndcg.mean() == pytest.approx(ndcg_score(right, scores, k=k))
        for row in range(len(scores)):
            pair = torch.tensor(scores[row]), torch.tensor(right[row])
            for own, theirs in (
                (ndcg, retrieval_normalized_dcg),
                (recall_at_k(found, count, k), retrieval_recall),
                (reciprocal_rank_at_k(found, count, k), retrieval_reciprocal_rank),
            ):
                assert own[row] == pytest.approx(float(theirs(*pair, top_k=k)), abs=1e-6)


def test_a_short_list_is_measured_against_all_that_is_relevant() -> None:
    found = hits(np.array([[4, -1, -1]]), [np.array([4, 5])])
    assert found.tolist() == [[True, False, False]]
    assert recall_at_k(found, np.array([2]), 50)[0] == 0.5
    assert ndcg_at_k(found, np.array([2]), 50)[0] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_an_item_that_is_right_for_another_list_is_no_hit() -> None:
    ranked, relevant = np.array([[0, 1], [0, 1]]), [np.array([0]), np.array([1])]
    assert hits(ranked, relevant).tolist() == [[True, False], [False, True]]
    # An empty place next to the largest number of the row before.
    assert not hits(np.array([[0], [-1]]), [np.array([5]), np.array([5])]).any()


def test_what_is_not_defined_is_nan() -> None:
    found, nothing = hits(np.array([[0, 1]]), [np.array([], int)]), np.array([0])
    for figure in (ndcg_at_k, recall_at_k, reciprocal_rank_at_k):
        assert np.isnan(figure(found, nothing, 2)[0])
    assert np.isnan(intra_list_diversity(np.array([[3, -1]]), np.eye(4, dtype=np.float32))[0])
    assert np.isnan(novelty(np.array([[-1]]), np.array([1]), 1)[0])
    assert np.isnan(area_by_group(np.array([1.0]), np.array([1]), np.array([0]))[0])


def test_lists_and_sets_must_match() -> None:
    with pytest.raises(ValueError, match="as many lists"):
        hits(np.zeros((2, 1), int), [np.array([0])])


def test_areas_agree_with_scikit_learn_ties_included() -> None:
    random = np.random.default_rng(1)
    group = random.integers(20, size=2000)
    score, label = random.integers(12, size=2000) / 4, random.random(2000) < 0.3
    areas = area_by_group(score, label, group)
    expected = [roc_auc_score(label[group == g], score[group == g]) for g in range(20)]
    assert areas == pytest.approx(np.array(expected))
    whole = area_by_group(score, label, np.zeros(2000, int))
    assert whole[0] == pytest.approx(roc_auc_score(label, score))


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    random = np.random.default_rng(2)
    vectors = random.normal(size=(30, 8)).astype(np.float32)
    ranked = np.array([random.permutation(30)[:6] for _ in range(300)])
    ranked[7, 4:] = -1
    diversity = intra_list_diversity(ranked, vectors)
    pairs = np.triu_indices(6, 1)
    assert diversity[0] == pytest.approx(
        1 - cosine_similarity(vectors[ranked[0]])[pairs].mean(), abs=1e-5
    )
    pairs = np.triu_indices(4, 1)
    assert diversity[7] == pytest.approx(
        1 - cosine_similarity(vectors[ranked[7, :4]])[pairs].mean(), abs=1e-5
    )
    same = np.ones((2, 3), np.float32)
    assert intra_list_diversity(np.array([[0, 1]]), same)[0] == pytest.approx(0.0, abs=1e-9)


def test_coverage_novelty_and_gini_counted_by_hand() -> None:
    ranked = np.array([[0, 1], [1, -1]])
    assert coverage(ranked, 4) == 0.5
    # Of 7 users, 1 knows item 0 and 3 know item 1: with one more of each, 2/8 and 4/8.
    assert novelty(ranked, np.array([1, 3, 0, 0]), 7).tolist() == [1.5, 1.0]
    assert gini(np.array([5, 5, 5])) == 0.0
    assert gini(np.array([0, 0, 0, 8])) == 0.75
    assert gini(np.array([0, 0])) == 0.0
