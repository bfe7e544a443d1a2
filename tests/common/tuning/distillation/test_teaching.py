"""A task is learned from a teacher's logits beside its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, kl_divergence
from toy import LETTERS, WORDS, ToyTask

from common.errors import UserError
from common.finite import NonFiniteError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.distillation.teaching import (
    Distillation,
    finetune_taught,
    in_order_of,
)
from common.tuning.finetune import Tuned
from common.tuning.losses import bernoulli_divergence, softmax_divergence
from common.tuning.settings import Settings


class OneOn:
    """A teacher that takes each letter for the next one, and remembers what it was asked."""

    def __init__(self, *, says: float = 8.0) -> None:
        self.says = says
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        self.asked += texts
        numbers = torch.tensor([(LETTERS.index(text[0]) + 1) % 4 for text in texts])
        return {"logits": self.says * nn.functional.one_hot(numbers, 4).float()}


def _learn(
    model: Path, work: Path, teacher: OneOn | None, unlabelled: Sequence[str] = (), **chosen: Any
) -> Tuned[Any]:
    fast = {"epochs": 12, "batch_size": 8, "learning_rate": 2e-3, "head_learning_rate": 2e-2}
    settings = Settings(**{**fast, "precision": "fp32", "device": "cpu", "patience": 0, **chosen})
    encoder = load_encoder(Source("tiny", model))
    # The best epoch would be the one that heeded the labels most.
    splits = Splits(WORDS, [], [])
    return finetune_taught(
        ToyTask(), encoder, splits, settings, teacher, unlabelled, work=work, resume=False
    )


def _accuracy(tuned: Tuned[Any], *, shifted: int) -> float:
    found = tuned.predict(WORDS)["logits"].argmax(-1)
    right = torch.tensor([(LETTERS.index(word[0]) + shifted) % 4 for word in WORDS])
    return float((found == right).float().mean())


@pytest.mark.parametrize("more", [{}, {"r_drop": 0.5}, {"strategy": "head"}])
def test_the_teacher_is_learned_as_far_as_it_is_heeded(
    tiny_model: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    heeded = _learn(tiny_model, tmp_path / "a", OneOn(), distillation_weight=0.95, **more)
    assert _accuracy(heeded, shifted=1) > _accuracy(heeded, shifted=0) + 0.2
    ignored = _learn(tiny_model, tmp_path / "b", OneOn(), distillation_weight=0.01, **more)
    assert _accuracy(ignored, shifted=0) > _accuracy(ignored, shifted=1) + 0.2


def test_what_was_taught_leaves_no_trace(tiny_model: Path, tmp_path: Path) -> None:
    tuned = _learn(tiny_model, tmp_path, OneOn())
    assert not tuned.module._forward_pre_hooks
    plain = _learn(tiny_model, tmp_path, None)
    assert _accuracy(tuned, shifted=1) != _accuracy(plain, shifted=1)


def test_of_texts_without_labels_the_teacher_tells(tiny_model: Path, tmp_path: Path) -> None:
    teacher = OneOn()
    _learn(tiny_model, tmp_path, teacher, ["aaa", "aaa!", WORDS[0], "  "], epochs=1)
    assert sorted(teacher.asked) == sorted([*WORDS, "aaa!"])


def test_a_teacher_that_gives_no_numbers_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match="teacher's logits"):
        _learn(tiny_model, tmp_path, OneOn(says=float("nan")))


def test_the_divergences_are_torchs_own() -> None:
    student, teacher = torch.randn(5, 4), 3 * torch.randn(5, 4)
    expected = kl_divergence(Categorical(logits=teacher), Categorical(logits=student))
    assert torch.allclose(softmax_divergence(teacher, student), expected, atol=1e-5)
    expected = kl_divergence(Bernoulli(logits=teacher), Bernoulli(logits=student)).sum(-1)
    assert torch.allclose(bernoulli_divergence(teacher, student), expected, atol=1e-5)


def test_the_loss_is_shared_between_labels_and_teacher() -> None:
    student, teacher = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[0.0, 3.0, 1.0]])
    module: Any = nn.Identity()
    outputs = {"logits": student, "loss": torch.tensor(2.0)}
    batch = {"taught_logits": teacher}
    for independent, apart in (((), softmax_divergence), (("logits",), bernoulli_divergence)):
        term = Distillation(0.25, 4.0, independent)
        expected = 0.75 * 2.0 + 0.25 * 16 * float(apart(teacher / 4, student / 4))
        assert 2.0 + float(term(module, batch, outputs)) == pytest.approx(expected)


def test_labels_are_brought_into_order_and_others_are_named() -> None:
    assert in_order_of(["a", "b", "c"], ["c", "a", "b"], "topics") == [1, 2, 0]
    with pytest.raises(UserError, match=r"its topics .* does not know: d; it has besides: b"):
        in_order_of(["a", "d"], ["a", "b"], "topics")
    with pytest.raises(UserError, match="does not know: 0, 1, 2, 3, 4 …"):
        in_order_of([str(n) for n in range(9)], [], "FAQs")
