from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

from common.evaluation.metrics import (
    accuracy,
    auroc,
    expected_calibration_error,
    f1,
    mean_reciprocal_rank,
    ranks,
    recall_at_k,
)


def test_ranking_figures_agree_with_scikit_learn() -> None:
    torch.manual_seed(0)
    scores, target = torch.randn(300, 12), torch.randint(12, (300,))
    for k in (1, 3):
        right = top_k_accuracy_score(target.numpy(), scores.numpy(), k=k, labels=range(12))
        assert recall_at_k(scores, target, k) == pytest.approx(right)
    one_hot = np.eye(12)[target.numpy()]
    right = label_ranking_average_precision_score(one_hot, scores.numpy())
    assert mean_reciprocal_rank(scores, target) == pytest.approx(right, rel=1e-5)


def test_a_tie_and_a_nan_count_against_the_right_one() -> None:
    scores = torch.tensor([[0.5, 0.5], [float("nan"), 0.0], [1.0, 0.0]])
    assert ranks(scores, torch.tensor([0, 0, 0])).tolist() == [2, 2, 1]


def test_classes_and_labels() -> None:
    predicted, target = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2])
    assert accuracy(predicted, target) == 0.75
    assert f1(predicted, target, average="weighted") == pytest.approx(0.75)
    members, found = torch.tensor([[1, 0], [1, 1]]), torch.tensor([[1, 0], [0, 1]])
    assert f1(found, members, average="micro") == pytest.approx(0.8)
    assert accuracy(torch.tensor([]), torch.tensor([])) == 0.0


def test_scores_that_separate_have_an_area_of_one() -> None:
    assert auroc([0.1, 0.2, 0.9], [0, 0, 1]) == 1.0
    assert auroc([0.9, 0.2, 0.1], [0, 0, 1]) == 0.0


def test_the_calibration_error_is_the_gap_between_stated_and_observed() -> None:
    stated = np.full(1000, 0.8)
    assert expected_calibration_error(stated, np.arange(1000) % 2 == 0) == pytest.approx(0.3)
    assert expected_calibration_error(np.array([]), np.array([], bool)) == 0.0
