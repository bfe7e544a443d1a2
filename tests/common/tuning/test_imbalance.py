from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from common.tuning import losses
from common.tuning.imbalance import BETA, ClassLoss, class_weights, label_weights, log_odds
from common.tuning.settings import Settings

COUNTS = torch.tensor([90, 9, 1])


def test_balanced_classes_count_alike_and_a_text_one_on_average() -> None:
    weights = class_weights(COUNTS, "balanced")
    assert (weights * COUNTS).tolist() == pytest.approx([100 / 3] * 3)


def test_effective_numbers_stop_growing() -> None:
    counts = torch.tensor([1_000_000, 1_000, 10])
    weights = class_weights(counts, "effective").double()
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1, rel=1e-4)
    sizes = [(1 - BETA**n) / (1 - BETA) for n in counts.tolist()]
    assert float(weights[2] / weights[0]) == pytest.approx(sizes[0] / sizes[2], rel=1e-4)
    balanced = class_weights(counts, "balanced").double()
    assert weights[2] / weights[0] < 0.01 * balanced[2] / balanced[0]


def test_a_class_without_a_text_makes_nothing_infinite() -> None:
    for weighting in ("balanced", "effective"):
        assert class_weights(torch.tensor([5, 0]), weighting).isfinite().all()
        assert class_weights(torch.tensor([0, 0]), weighting).isfinite().all()
        assert label_weights(torch.tensor([5, 0]), 5, weighting).isfinite().all()
    assert ClassLoss(adjustment=1.0).for_counts(torch.tensor([5, 0])).offsets.isfinite().all()
    assert log_odds(torch.tensor([5, 0]), 5).isfinite().all()


def test_a_rare_label_counts_as_much_as_it_is_rare() -> None:
    assert label_weights(torch.tensor([50, 10]), 100, "balanced").tolist() == pytest.approx([1, 9])


def test_weights_are_torchs_own() -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 0, 1, 2])
    head = ClassLoss(weights="balanced").for_counts(COUNTS)
    assert head.weights is not None
    each = functional.cross_entropy(logits, target, reduction="none")
    expected = (each * head.weights[target]).mean()
    assert head.classes(logits, target) == pytest.approx(expected.item())


def test_what_is_usual_is_not_to_be_learned() -> None:
    head = ClassLoss(adjustment=1.0).for_counts(COUNTS)
    target = torch.tensor([0, 1, 2])
    # Logits that say nothing foretell with the classes' own frequencies.
    found = head.classes(torch.zeros(3, 3), target)
    assert found.item() == pytest.approx(-sum(math.log(p) for p in (0.9, 0.09, 0.01)) / 3)
    nowhere = torch.tensor([False] * 3)
    pulled = head.prototypes(torch.zeros(3, 3), target, outside=nowhere, outlier_weight=1.0)
    assert pulled.item() == pytest.approx(found.item())
    of_labels = ClassLoss(adjustment=1.0).for_counts(torch.tensor([9]), 99)
    loss = of_labels.labels(torch.zeros(1, 1), torch.tensor([[1]]))
    assert loss.item() == pytest.approx(-math.log(10 / 101), rel=1e-5)


def test_what_is_outside_is_not_adjusted() -> None:
    given = {"outside": torch.tensor([True]), "outlier_weight": 1.0}
    logits, none = torch.randn(1, 3), torch.tensor([-1])
    plain = ClassLoss().for_counts(COUNTS).prototypes(logits, none, **given)
    adjusted = ClassLoss(adjustment=2.0).for_counts(COUNTS).prototypes(logits, none, **given)
    assert plain == adjusted


def test_a_plain_loss_is_plain() -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 0, 1, 2])
    head = ClassLoss.of(Settings(label_smoothing=0.1, focal=2.0)).for_counts(COUNTS)
    expected = losses.classification(logits, target, smoothing=0.1, focal=2.0)
    assert head.classes(logits, target) == expected
    assert not head.state_dict()
