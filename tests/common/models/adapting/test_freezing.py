from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.models.adapting.freezing import freeze, parse_strategy, trained_share
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.pooling import mean_pool
from common.models.prediction import batches_by_tokens
from common.models.sources.bundled import Source


@pytest.fixture
def backbone(tiny_model: Path) -> Encoder:
    return load_encoder(Source("tiny", tiny_model))


def _learning(backbone: Encoder) -> set[str]:
    return {name for name, p in backbone.network.named_parameters() if p.requires_grad}


def test_head_freezes_the_whole_encoder(backbone: Encoder) -> None:
    freeze(backbone.network, parse_strategy("head"))
    assert not _learning(backbone)
    assert trained_share(backbone.network)[0] == 0


def test_top_layers_leaves_the_last_ones_alone(backbone: Encoder) -> None:
    freeze(backbone.network, parse_strategy("top-layers:1"))
    learning = _learning(backbone)
    assert learning
    assert all(name.startswith("encoder.layer.1.") for name in learning)


def test_more_top_layers_than_there_are_is_refused(backbone: Encoder) -> None:
    with pytest.raises(UserError, match="has 2 layers"):
        freeze(backbone.network, parse_strategy("top-layers:3"))


def test_word_embeddings_freeze_by_choice(backbone: Encoder) -> None:
    freeze(backbone.network, parse_strategy("full"))
    assert "embeddings.word_embeddings.weight" in _learning(backbone)
    freeze(backbone.network, parse_strategy("full"), freeze_word_embeddings=True)
    assert "embeddings.word_embeddings.weight" not in _learning(backbone)


@pytest.mark.parametrize("text", ["top-layers:0", "top-layers", "partial", ""])
def test_unknown_strategy_says_which_there_are(text: str) -> None:
    with pytest.raises(UserError, match=r"full, head, lora, .* or top-layers:N"):
        parse_strategy(text)


def test_saved_weights_come_back_exactly(backbone: Encoder, tmp_path: Path) -> None:
    weights = backbone.network.state_dict()
    first = next(iter(weights))
    with torch.no_grad():
        weights[first].copy_(weights[first].half().float())
    save_encoder(backbone, tmp_path)
    again = load_encoder(Source("saved", tmp_path)).network.state_dict()
    for name, tensor in weights.items():
        assert again[name].dtype == tensor.dtype
        assert torch.equal(again[name], tensor), name


def test_mean_pool_ignores_padding() -> None:
    hidden = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert mean_pool(hidden, torch.tensor([[1, 1, 0]])).item() == 2.0


def test_batches_hold_every_text_once_within_the_budget() -> None:
    counts = [3, 50, 7, 7, 1, 200, 12]
    batches = batches_by_tokens(counts, budget=100)
    assert sorted(index for batch in batches for index in batch) == list(range(len(counts)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(counts[i] for i in batch) <= 100
