"""Texts that are compared with each other are read in passes; the gradients are those of one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import WORDS, ToyTask

from common.errors import UserError
from common.models.encoder import Encoder, load_encoder
from common.models.pooling import PooledEncoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning import losses
from common.tuning.computing.gradient_cache import GradientCache, is_more_than, tokens_compared
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict

Gradients = dict[str, torch.Tensor]


class Compared(EncoderModule):
    """Words that begin with the same letter follow each other, and are to lie near each other."""

    takes_vectors = True

    def __init__(self, pooled: PooledEncoder, width: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = torch.nn.Linear(width, width)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        vectors: torch.Tensor | None = None,
        label: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        if vectors is None:
            vectors = self.pooled(input_ids, attention_mask)
        found = self.head(vectors)
        outputs = {"embedding": found}
        if label is not None:
            outputs["loss"] = losses.in_batch_contrastive(found, found.roll(1, 0))
        return outputs


class ComparingTask(ToyTask):
    monitors = (Metric("loss", higher_is_better=False),)

    def build(self, backbone: Encoder, precision: str = "fp32") -> Compared:  # type: ignore[override]
        torch.manual_seed(0)
        return Compared(backbone.pooled(), backbone.dimension)

    def measure(self, predict: Predict, records: list[str]) -> dict[str, float]:  # type: ignore[override]
        found = predict(records)["embedding"]
        return {"loss": float(losses.in_batch_contrastive(found, found.roll(1, 0)))}


def _made(model: Path, texts: list[str]) -> tuple[Compared, Batch]:
    encoder = load_encoder(Source("tiny", model))
    task = ComparingTask()
    return task.build(encoder), task.collate(texts, encoder.tokenize)


def _gradients(module: Compared) -> Gradients:
    found = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    return found


def _in_one(module: Compared, batch: Batch) -> Gradients:
    torch.manual_seed(3)
    module(**batch)["loss"].backward()
    return _gradients(module)


def _in_passes(module: Compared, batch: Batch, tokens: int) -> Gradients:
    torch.manual_seed(3)
    kept = GradientCache(module.pooled, batch, tokens, nullcontext)
    assert not {"input_ids", "attention_mask"} & kept.batch.keys()
    module(**kept.batch)["loss"].backward()
    kept.backward()
    return _gradients(module)


def test_the_gradients_are_those_of_one_pass(tiny_model: Path) -> None:
    module, batch = _made(tiny_model, ["a mno", "b", "cst pqr st uvwx", "d", "amno y"])
    module.eval()
    wanted, found = _in_one(module, batch), _in_passes(module, batch, 8)
    assert wanted.keys() == found.keys()
    assert max(float(gradient.abs().max()) for gradient in wanted.values()) > 1e-3
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_pass_that_is_read_again_drops_out_the_same(tiny_model: Path) -> None:
    # Sorted by length as the passes are, so that dropout falls on the same places.
    module, batch = _made(tiny_model, ["a mno pqr", "b st uv", "cst"])
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.4
    module.train()
    wanted, found = _in_one(module, batch), _in_passes(module, batch, 1000)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)
    torch.manual_seed(3)
    kept = GradientCache(module.pooled, batch, 1000, nullcontext)
    module(**kept.batch)["loss"].backward()
    before = torch.get_rng_state()
    kept.backward()
    assert torch.equal(torch.get_rng_state(), before)


def test_in_passes_the_same_is_learned(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []

    def keep(pooled: torch.nn.Module, batch: Batch, tokens: int, context: Any) -> GradientCache:
        kept.append(tokens)
        return GradientCache(pooled, batch, tokens, context)

    monkeypatch.setattr("common.tuning.trainer.GradientCache", keep)

    def learned(name: str, **settings: object) -> Tuned[Encoder]:
        chosen = Settings(
            strategy="full", epochs=2, dropout=0.0, device="cpu", precision="fp32", **settings
        )
        encoder = load_encoder(Source("tiny", tiny_model), dropout=0.0)
        splits = Splits(WORDS, WORDS[::2], [])
        return finetune(ComparingTask(), encoder, splits, chosen, work=tmp_path / name)

    usual = learned("usual")
    assert not kept
    parted = learned("parted", tokens_per_pass=12)
    assert {*kept} == {12}
    assert parted.history[0]["loss"] == pytest.approx(usual.history[0]["loss"], rel=1e-3)
    assert parted.after == pytest.approx(usual.after, rel=1e-3)
    assert parted.after["loss"] < parted.before["loss"]


def test_it_is_for_who_asks_for_it(tiny_model: Path) -> None:
    module, batch = _made(tiny_model, ["a", "b"])
    assert tokens_compared(Settings(), module, 1) is None
    assert tokens_compared(Settings(tokens_per_pass=0), module, 1) is None
    assert tokens_compared(Settings(tokens_per_pass=64), module, 1) == 64
    assert is_more_than(batch, 1)
    assert not is_more_than(batch, 1000)
    assert not is_more_than({"vectors": torch.zeros(2, 4)}, 1)
    with pytest.raises(UserError, match="adversarial do not go together"):
        tokens_compared(Settings(tokens_per_pass=64, adversarial=0.5), module, 1)
    with pytest.raises(UserError, match="for one process"):
        tokens_compared(Settings(tokens_per_pass=64), module, 2)


def test_an_encoder_that_is_kept_gets_no_gradients(tiny_model: Path) -> None:
    module, batch = _made(tiny_model, ["a mno", "b", "cst pqr st uvwx"])
    module.eval().pooled.requires_grad_(False)
    wanted, found = _in_one(module, batch), _in_passes(module, batch, 8)
    assert wanted.keys() == found.keys() == {"head.weight", "head.bias"}
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)
