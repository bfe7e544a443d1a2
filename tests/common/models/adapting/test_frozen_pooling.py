"""A frozen encoder's vectors are remembered, and are those that it would give."""

from __future__ import annotations

from pathlib import Path

import torch

from common.models.adapting.frozen_pooling import FrozenPooling
from common.models.adapting.known import Known
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import Source


def _backbone(model: Path) -> Encoder:
    return load_encoder(Source("tiny", model))


def _count_readings(encoder: torch.nn.Module) -> list[int]:
    texts: list[int] = []
    encoder.register_forward_pre_hook(
        lambda _module, _inputs, named: texts.append(len(named["input_ids"])), with_kwargs=True
    )
    return texts


def test_a_text_is_read_once_whatever_stands_beside_it(tiny_model: Path) -> None:
    backbone = _backbone(tiny_model)
    frozen = FrozenPooling(backbone.pooled()).train()
    reference = backbone.pooled()
    together = backbone.tokenize(["a", "bbbb mno", "a"])
    expected = reference(**together)
    read = _count_readings(backbone.network)
    torch.testing.assert_close(frozen(**together), expected)
    torch.testing.assert_close(frozen(**backbone.tokenize(["a"])), expected[:1])
    again = frozen(**backbone.tokenize(["bbbb mno", "cc", "a"]))
    torch.testing.assert_close(again[[2, 0]], expected[:2])
    assert read == [3, 1]


def test_beyond_its_room_a_text_is_read_again(tiny_model: Path) -> None:
    backbone = _backbone(tiny_model)
    frozen = FrozenPooling(backbone.pooled(), texts_kept=1)
    read = _count_readings(backbone.network)
    texts = backbone.tokenize(["a", "bbbb mno"])
    torch.testing.assert_close(frozen(**texts), frozen(**texts))
    assert read == [2, 1]


def test_what_evaluation_read_can_be_learned_from(tiny_model: Path) -> None:
    backbone = _backbone(tiny_model)
    frozen = FrozenPooling(backbone.pooled())
    head = torch.nn.Linear(backbone.dimension, 2)
    with torch.inference_mode():
        frozen(**backbone.tokenize(["a"]))
    head(frozen(**backbone.tokenize(["a"]))).sum().backward()
    assert head.weight.grad is not None


def test_modules_of_one_frozen_encoder_share_what_was_read(tiny_model: Path) -> None:
    backbone = load_encoder(Source("tiny", tiny_model), known=Known())
    read = _count_readings(backbone.network)
    texts = backbone.tokenize(["a", "bbbb mno"])
    first, second = backbone.pooled()(**texts), backbone.pooled()(**texts)
    torch.testing.assert_close(first, second)
    assert read == [2]


def test_another_precision_is_read_for_itself(tiny_model: Path) -> None:
    backbone = _backbone(tiny_model)
    frozen = FrozenPooling(backbone.pooled())
    read = _count_readings(backbone.network)
    text = backbone.tokenize(["bbbb mno"])
    exact = frozen(**text)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = frozen(**text)
    assert read == [1, 1]
    assert not torch.equal(exact, rough)
