"""Batches as they are read: in the precision of the machine."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from common.models.encoder import load_encoder
from common.models.prediction import autocast, held_in, predict
from common.models.sources.bundled import locate

CPU = torch.device("cpu")


def _read(module: nn.Module, precision: str) -> torch.Tensor:
    tokens = torch.arange(12).view(3, 4)
    with torch.inference_mode(), autocast(CPU, precision):
        found: torch.Tensor = module(tokens)
    return found


class _Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(100_000, 64)
        self.dropout = nn.Dropout(0.5)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        return {"mean": self.dropout(self.vectors(input_ids)).mean(1)}


def test_nothing_is_dropped_while_it_reads_and_it_trains_as_before(tiny_model: Path) -> None:
    encoder, module = load_encoder(locate(str(tiny_model))), _Dropping()
    for whole, part in ((True, True), (False, False), (False, True)):
        module.train(whole)
        module.dropout.train(part)
        found = predict(module, encoder, ["a card"])["mean"]
        tokens = encoder.tokenize(["a card"])["input_ids"]
        assert torch.equal(found, module.vectors(tokens).mean(1).detach())
        assert module.training == module.dropout.training == whole


def test_what_is_held_in_half_reads_the_same_and_leaves_the_weights_as_they_were() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Embedding(12, 16), nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 2)
    )
    held = held_in(module, "bf16")
    assert torch.equal(_read(held, "bf16"), _read(module, "bf16"))
    assert not torch.equal(_read(held, "bf16").float(), _read(module, "fp32"))
    own, kept = dict(module.named_parameters()), dict(held.named_parameters())
    assert {name for name, one in kept.items() if one.dtype == torch.bfloat16} == {
        "2.weight", "2.bias", "4.weight", "4.bias"
    }  # fmt: skip
    assert {one.dtype for one in own.values()} == {torch.float32}
    assert all(kept[name] is own[name] for name in ("0.weight", "1.weight", "1.bias"))
    assert held_in(module, "fp32") is module
