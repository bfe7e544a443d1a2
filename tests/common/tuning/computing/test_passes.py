"""Batches of long texts are learned in several passes, and what is learned is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy import ToyModule, ToyTask, run_apart, tune

from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.tuning.computing.passes import passes, tokens_per_pass
from common.tuning.settings import Settings
from common.tuning.task import Batch

CPU = torch.device("cpu")
SAME = {"epochs": 2, "dropout": 0.0}


def _batch(model: Path, texts: list[str]) -> tuple[ToyModule, Batch]:
    encoder = load_encoder(Source("tiny", model))
    module = ToyModule(encoder.pooled(), encoder.dimension).eval()
    return module, ToyTask().collate(texts, encoder.tokenize)


def test_no_part_holds_more_than_it_may_and_together_they_are_the_batch(tiny_model: Path) -> None:
    module, batch = _batch(tiny_model, ["a", "bb cc dd mno pqr st", "cst", "d", "amno y"])
    tokens = batch["attention_mask"].shape[1] + 1
    parts = passes(batch, module, tokens)
    assert len(parts) > 1
    assert all(part["input_ids"].numel() <= tokens for part, _ in parts)
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert sum(len(part["label"]) for part, _ in parts) == 5
    losses = [share * module(**part)["loss"] for part, share in parts]
    torch.testing.assert_close(torch.stack(losses).sum(), module(**batch)["loss"])


def test_a_text_longer_than_a_pass_is_one_by_itself(tiny_model: Path) -> None:
    module, batch = _batch(tiny_model, ["a mno pqr st uvwx", "b"])
    assert [len(part["label"]) for part, _ in passes(batch, module, 1)] == [1, 1]


def test_what_fits_or_compares_records_stays_whole(tiny_model: Path) -> None:
    module, batch = _batch(tiny_model, ["a", "bb cc dd mno"])
    assert passes(batch, module, 1000) == [(batch, 1.0)]
    assert passes(batch, module, None) == [(batch, 1.0)]
    module.between_records = frozenset({"label"})
    assert passes(batch, module, 1) == [(batch, 1.0)]


def test_how_many_tokens_is_a_setting() -> None:
    assert tokens_per_pass(Settings(), CPU) == 4096
    assert tokens_per_pass(Settings(), torch.device("cuda")) == 16_384
    assert tokens_per_pass(Settings(tokens_per_pass=100), CPU) == 100
    assert tokens_per_pass(Settings(tokens_per_pass=0), CPU) is None
    assert tokens_per_pass(Settings(privacy_epsilon=3.0), CPU) is None


@pytest.mark.parametrize("strategy", ["full", "top-layers:1"])
def test_in_parts_the_same_is_learned(tiny_model: Path, tmp_path: Path, strategy: str) -> None:
    chosen = {**SAME, "strategy": strategy}
    usual = tune(tiny_model, tmp_path / "usual", **chosen)
    parted = tune(tiny_model, tmp_path / "parted", tokens_per_pass=12, **chosen)
    assert parted.after == pytest.approx(usual.after, rel=1e-3)
    assert parted.history[0]["loss"] == pytest.approx(usual.history[0]["loss"], rel=1e-3)


def test_processes_may_make_different_numbers_of_passes(tiny_model: Path, tmp_path: Path) -> None:
    usual = run_apart(tiny_model, tmp_path / "usual", "dropout=0.0", ranks=2)
    parted = run_apart(
        tiny_model, tmp_path / "parted", "dropout=0.0", "tokens_per_pass=12", ranks=2
    )
    assert parted["after"] == pytest.approx(usual["after"], rel=1e-3)
