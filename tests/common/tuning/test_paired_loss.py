"""Which text of a pair has which label is learned from what tells the two apart."""

from __future__ import annotations

import math

import pytest
import torch

from common.tuning.losses import paired

BOTH = torch.tensor([1, 0])


def test_it_is_the_cross_entropy_of_the_right_way_round() -> None:
    logits = torch.tensor([[2.0, 0.5, 9.0], [1.0, 1.5, -9.0]])
    target = torch.tensor([0, 1])
    # Of the two ways round, each as probable as the product of its softmaxes' terms.
    right, wrong = math.exp(2.0 + 1.5), math.exp(0.5 + 1.0)
    wanted = -math.log(right / (right + wrong))
    assert paired(logits, target, BOTH).item() == pytest.approx(wanted)
    assert paired(logits, target.flip(0), BOTH) > paired(logits, target, BOTH)


def test_what_both_texts_share_does_not_count() -> None:
    logits, target = torch.randn(2, 3), torch.tensor([2, 0])
    shared = torch.tensor([5.0, -3.0, 1.0])
    assert paired(logits + shared, target, BOTH).item() == pytest.approx(
        paired(logits, target, BOTH).item(), abs=1e-5
    )


def test_texts_in_no_pair_and_pairs_without_two_labels_are_left_out() -> None:
    logits = torch.randn(7, 3, requires_grad=True)
    opposite = torch.tensor([-1, 2, 1, 4, 3, 6, 5])
    target = torch.tensor([0, 0, 1, 2, 2, 1, -1])
    loss = paired(logits, target, opposite)
    assert loss.item() == pytest.approx(paired(logits[1:3], target[1:3], BOTH).item())
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum(1).gt(0).tolist() == [False, True, True, *[False] * 4]
    assert paired(logits[:1], target[:1], opposite[:1]).item() == 0
