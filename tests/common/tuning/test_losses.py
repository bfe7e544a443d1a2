from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from common.tuning import losses


def test_what_is_not_known_takes_no_part() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]], requires_grad=True)
    found = losses.classification(logits, torch.tensor([0, 1, -2]))
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert found.item() == pytest.approx(expected)
    nothing = losses.classification(logits, torch.tensor([-1, -2, -2]))
    nothing.backward()
    assert nothing.item() == 0
    assert logits.grad is not None and not logits.grad.any()


def test_smoothing_is_torchs_own() -> None:
    logits, target = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    expected = functional.cross_entropy(logits, target, label_smoothing=0.2)
    assert losses.classification(logits, target, smoothing=0.2) == pytest.approx(expected)


def test_the_focal_loss_weighs_what_is_learned_less() -> None:
    logits = torch.tensor([[math.log(9.0), 0.0]])
    plain = losses.classification(logits, torch.tensor([0]))
    focal = losses.classification(logits, torch.tensor([0]), focal=2.0)
    assert plain.item() == pytest.approx(-math.log(0.9))
    assert focal.item() == pytest.approx(-math.log(0.9) * 0.1**2)
    wrong = losses.classification(logits, torch.tensor([1]), focal=2.0)
    assert wrong.item() == pytest.approx(-math.log(0.1) * 0.9**2)


def test_labels_are_summed_and_texts_meaned() -> None:
    logits, target = torch.zeros(2, 3), torch.tensor([[1, 0, 0], [1, 1, 0]])
    assert losses.multilabel(logits, target).item() == pytest.approx(3 * math.log(2))
    assert losses.multilabel(logits, target, focal=1.0).item() == pytest.approx(1.5 * math.log(2))


def test_what_belongs_to_none_is_pushed_from_all_alike() -> None:
    given = {"smoothing": 0.0, "outlier_weight": 0.5}
    outside = torch.tensor([True])
    flat = losses.prototype(torch.zeros(1, 4), torch.tensor([-1]), outside=outside, **given)
    sure = losses.prototype(
        torch.tensor([[9.0, 0.0, 0.0, 0.0]]), torch.tensor([-1]), outside=outside, **given
    )
    assert flat.item() == pytest.approx(0.5 * math.log(4))
    assert sure > flat
    unknown = torch.tensor([False])
    assert losses.prototype(torch.ones(1, 4), torch.tensor([-2]), outside=unknown, **given) == 0


def test_several_right_items_share_a_list() -> None:
    logits = torch.tensor([[0.0, 0.0, 7.0], [0.0, 0.0, 0.0]])
    is_shown = torch.tensor([[True, True, False], [True, True, True]])
    taken = torch.tensor([[1, 1, 0], [0, 0, 0]])
    found = losses.listwise_softmax(logits, is_shown, taken)
    assert found.tolist() == pytest.approx([math.log(2), 0.0])


def test_a_pair_counts_by_how_far_it_is_the_wrong_way_round() -> None:
    scores = torch.tensor([[2.0, 0.0, 1.0], [5.0, 5.0, 5.0]])
    is_right = torch.tensor([[True, False, False], [True, True, True]])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert losses.pairwise(scores, is_right).tolist() == pytest.approx([expected, 0.0])


def test_only_the_completion_is_learned() -> None:
    logits = torch.zeros(2, 4, 3)
    logits[0, 1, 2] = math.log(2.0)
    ids = torch.tensor([[0, 1, 2, 1], [0, 1, 2, 0]])
    mask = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]])
    found = losses.completion_nll(logits, ids, mask)
    assert found.tolist() == pytest.approx([(math.log(2) + math.log(3)) / 2, 0.0])


def test_the_batch_and_hard_negatives_are_wrong() -> None:
    queries = torch.eye(2, 3)
    alone = losses.in_batch_contrastive(queries, 5 * queries, scale=1.0)
    assert alone.item() == pytest.approx(math.log(1 + math.exp(-1)))
    hard = losses.in_batch_contrastive(queries, queries, scale=1.0, hard=torch.eye(3)[2:])
    assert hard.item() == pytest.approx(math.log(1 + 2 * math.exp(-1)))
