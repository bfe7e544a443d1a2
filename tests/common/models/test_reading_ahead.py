"""Many texts: the same batches in the same order, made and fetched at other moments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from common.models.encoder import load_encoder
from common.models.heads import Embedder
from common.models.prediction import made_ahead, one_behind, predict, tokens_per_batch
from common.models.sources.bundled import Source


def test_what_is_made_ahead_comes_in_order_and_is_not_made_too_early() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number * 10

    found = made_ahead(make, range(6), ahead=2)
    assert next(found) == 0
    assert len(made) <= 3
    assert [*found] == [10, 20, 30, 40, 50]
    assert made == [0, 1, 2, 3, 4, 5]


def test_what_fails_while_it_is_made_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        list(made_ahead(lambda number: 1 // number, [1, 0, 2], ahead=2))


def test_each_is_given_once_the_next_has_begun() -> None:
    begun: list[int] = []

    def begin() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number

    found = one_behind(begin())
    assert next(found) == 0
    assert begun == [0, 1]
    assert [*found] == [1, 2]


def test_weights_are_halved_once_for_all_batches(tiny_model: Path) -> None:
    encoder = load_encoder(Source("tiny", tiny_model))
    module = Embedder(encoder.pooled())
    network = encoder.network
    linear = next(one for one in network.modules() if isinstance(one, nn.Linear))
    same = sum(
        isinstance(one, nn.Linear) and one.weight.shape == linear.weight.shape
        for one in network.modules()
    )
    texts = ["a b c d " * 20] * 400
    assert sum(encoder.token_counts(texts)) > tokens_per_batch(torch.device("cpu"))
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        found = predict(module, encoder, texts, precision="bf16")["embedding"]
    copied = [one.input_shapes[0] for one in seen.events() if one.name == "aten::_to_copy"]
    assert copied.count([*linear.weight.shape]) == same
    assert found.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")
    assert not torch.is_inference_mode_enabled()
