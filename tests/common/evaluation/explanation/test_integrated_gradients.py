"""Integrated gradients over the words of a text."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from common.evaluation.explanation.attribution import integrated_gradients
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import Source


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    loaded = load_encoder(Source("tiny", tiny_model))
    loaded.network.eval()
    return loaded


def test_the_words_add_up_to_what_the_text_has_over_an_empty_one(encoder: Encoder) -> None:
    pooled = encoder.pooled().eval()
    direction = torch.randn(encoder.dimension, generator=torch.Generator().manual_seed(0))

    def score(vectors: Tensor) -> Tensor:
        return torch.tanh(0.1 * vectors @ direction)

    text = "lost card help"
    found = integrated_gradients(encoder, pooled, text, text, score)
    batch = encoder.tokenize([text])
    empty = batch["input_ids"].clone()
    empty[0, 1:-1] = encoder.tokenizer.pad_token_id or 0
    with torch.no_grad():
        whole = score(pooled(**batch))
        nothing = score(pooled(empty, batch["attention_mask"]))
    gained = float(whole - nothing)
    assert abs(gained) > 1e-3
    assert sum(word.weight for word in found) == pytest.approx(gained, rel=0.05)


def test_explaining_leaves_no_gradient_behind(encoder: Encoder) -> None:
    pooled = encoder.pooled().eval()
    integrated_gradients(encoder, pooled, "lost card", "lost card", lambda vectors: vectors.sum(1))
    assert all(parameter.grad is None for parameter in pooled.parameters())
