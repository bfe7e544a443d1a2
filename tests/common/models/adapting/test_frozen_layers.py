"""Layers that do not learn read a text once, and those above learn as if they had read it again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import MPNetConfig, MPNetModel

from common.models.adapting.architectures import layers_of
from common.models.adapting.frozen_layers import PartlyFrozenPooling
from common.models.adapting.frozen_pooling import FrozenPooling
from common.models.adapting.known import Known
from common.models.encoder import Encoder, load_encoder
from common.models.pooling import PooledEncoder
from common.models.sources.bundled import Source

TEXTS = ["a", "bbbb mno kk", "a cc"]


def _encoder(model: Path, known: Known | None = None) -> Encoder:
    return load_encoder(Source("tiny", model), known=known)


def _count(layer: torch.nn.Module) -> list[int]:
    """How many texts the layer's own attention has read at a time."""
    read: list[int] = []
    attention = next(iter(layer.children()))
    attention.register_forward_hook(lambda _m, _i, given: read.append(len(given[0])))
    return read


@pytest.fixture
def partly(tiny_model: Path) -> tuple[Encoder, PartlyFrozenPooling]:
    encoder = _encoder(tiny_model)
    return encoder, PartlyFrozenPooling(encoder.pooled(), Known(1))


def test_it_reads_as_the_whole_does(partly: tuple[Encoder, PartlyFrozenPooling]) -> None:
    encoder, pooled = partly
    lowest, highest = layers_of(encoder.network)[0], layers_of(encoder.network)[-1]
    expected = encoder.pooled()(**encoder.tokenize(TEXTS))
    below, above = _count(lowest), _count(highest)
    torch.testing.assert_close(pooled(**encoder.tokenize(TEXTS)), expected)
    torch.testing.assert_close(pooled(**encoder.tokenize(TEXTS[::-1])), expected.flip(0))
    alone = pooled(**encoder.tokenize(["a", "dd"]))
    torch.testing.assert_close(alone[:1], expected[:1])
    assert below == [3, 1]
    assert above == [3, 3, 2]
    # Nothing of it stays behind.
    torch.testing.assert_close(encoder.pooled()(**encoder.tokenize(TEXTS)), expected)


def test_gradients_are_those_of_the_whole(partly: tuple[Encoder, PartlyFrozenPooling]) -> None:
    encoder, pooled = partly
    for layer in layers_of(encoder.network)[:-1]:
        layer.requires_grad_(False)
    encoder.network.get_input_embeddings().requires_grad_(False)
    weight = next(iter(layers_of(encoder.network)[-1].parameters()))
    found = []
    for reader in (encoder.pooled(), pooled, pooled):
        weight.grad = None
        reader(**encoder.tokenize(TEXTS)).square().sum().backward()
        assert weight.grad is not None
        found.append(weight.grad.clone())
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(found[2], found[0])


def test_only_what_learns_has_dropout(tiny_model: Path) -> None:
    encoder = load_encoder(Source("tiny", tiny_model), dropout=0.5)
    pooled = PartlyFrozenPooling(encoder.pooled(), Known(1)).train()
    once, again = (pooled(**encoder.tokenize(TEXTS)) for _ in range(2))
    assert not torch.equal(once, again)
    assert all(not layer.training for layer in layers_of(encoder.network)[:-1])
    assert layers_of(encoder.network)[-1].training


def test_layers_that_hand_more_on_are_read_each_time() -> None:
    config = MPNetConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    network = MPNetModel(config).eval()
    pooled = PooledEncoder(network)
    ids = torch.randint(3, 40, (2, 6))
    mask = torch.ones_like(ids)
    partly = PartlyFrozenPooling(pooled, Known(1))
    read = _count(layers_of(network)[0])
    for _ in range(2):
        torch.testing.assert_close(partly(ids, mask), pooled(ids, mask))
    # Once to see that they do, then as the whole does, each time.
    assert read == [2, 2, 2, 2, 2]


def test_beyond_its_room_a_text_is_read_again(tiny_model: Path) -> None:
    encoder = _encoder(tiny_model)
    pooled = PartlyFrozenPooling(encoder.pooled(), Known(1, room=1))
    read = _count(layers_of(encoder.network)[0])
    texts = encoder.tokenize(TEXTS)
    torch.testing.assert_close(pooled(**texts), pooled(**texts))
    assert read == [3, 3]


def test_before_it_learns_the_whole_is_remembered(tiny_model: Path) -> None:
    known = Known(1)
    encoder = _encoder(tiny_model, known)
    lowest, highest = layers_of(encoder.network)[0], layers_of(encoder.network)[-1]
    below, above = _count(lowest), _count(highest)
    texts = encoder.tokenize(TEXTS)
    with torch.inference_mode():
        first, second = encoder.pooled()(**texts), encoder.pooled()(**texts)
    torch.testing.assert_close(first, second)
    assert below == above == [3]

    known.begin()
    learning = encoder.pooled()
    assert not isinstance(learning, FrozenPooling)
    learning(**texts).sum().backward()
    assert below == [3]
    assert above == [3, 3]


def test_where_all_may_learn_nothing_is_remembered_afterwards(tiny_model: Path) -> None:
    known = Known(None)
    encoder = _encoder(tiny_model, known)
    frozen = encoder.pooled()
    assert isinstance(frozen, FrozenPooling)
    frozen(**encoder.tokenize(TEXTS))
    known.begin()
    assert not known.vectors
    learning = encoder.pooled()
    assert type(learning) is type(frozen.thawed)
    learning(**encoder.tokenize(TEXTS)).sum().backward()


def test_the_same_encoder_loaded_anew_reads_only_what_learned_again(tiny_model: Path) -> None:
    known = Known(1)
    first = _encoder(tiny_model, known)
    expected = first.pooled()(**first.tokenize(TEXTS))
    known.begin()
    for parameter in layers_of(first.network)[-1].parameters():
        torch.nn.init.zeros_(parameter)
    anew = _encoder(tiny_model, known.again())
    below, above = (_count(layers_of(anew.network)[place]) for place in (0, -1))
    torch.testing.assert_close(anew.pooled()(**anew.tokenize(TEXTS)), expected)
    assert (below, above) == ([], [3])
    # Where nothing of it learns, it need not be read at all.
    frozen = Known(0, vectors={b"": expected})
    assert frozen.again().vectors is frozen.vectors
