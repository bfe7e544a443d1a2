from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import write_tiny_causal
from torch import Tensor
from toy import KINDS, WORDS, ToyTask, tune

from common.models.sources.bundled import Source
from common.tuning.settings import Settings

SHARE = 0.4


def mean_of(before: dict[str, Tensor], after: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.lerp(after[name], before[name], SHARE)
        for name in after
        if after[name].is_floating_point()
    }


@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_what_was_pretrained_ends_between_before_and_after(
    kind: str, tiny_model: Path, tmp_path: Path
) -> None:
    model = tiny_model if kind == "encoder" else write_tiny_causal(tiny_model, tmp_path / "model")
    before = KINDS[kind][1](Source("tiny", model)).network.state_dict()
    after, between = (
        tune(model, tmp_path / str(share), kind=kind, pretrained_share=share).module.network
        for share in (0.0, SHARE)
    )
    found = between.state_dict()
    for name, mean in mean_of(before, after.state_dict()).items():
        assert found[name].numpy() == pytest.approx(mean.numpy(), abs=1e-6), name


def test_heads_are_fitted_to_the_mean(tiny_model: Path, tmp_path: Path) -> None:
    after, between = (
        tune(tiny_model, tmp_path / str(share), pretrained_share=share) for share in (0.0, SHARE)
    )
    fitted = ToyTask().measure(between.predict, WORDS)["loss"]
    between.module.load_state_dict(
        {n: t for n, t in after.module.state_dict().items() if n.startswith("head.")}, strict=False
    )
    assert fitted < 0.95 * ToyTask().measure(between.predict, WORDS)["loss"]


def test_what_is_measured_after_is_of_the_mean_and_its_heads(
    tiny_model: Path, tmp_path: Path
) -> None:
    tuned = tune(tiny_model, tmp_path, pretrained_share=SHARE)
    assert tuned.after == ToyTask().measure(tuned.predict, WORDS[::2])
    assert tuned.trained_parameters > sum(p.numel() for p in tuned.module.head.parameters())


def test_a_run_that_goes_on_ends_with_the_same(tiny_model: Path, tmp_path: Path) -> None:
    first, again = (
        tune(tiny_model, tmp_path, resume=resume, pretrained_share=SHARE).module.state_dict()
        for resume in (False, True)
    )
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name]), name


@pytest.mark.parametrize("strategy", ["head", "lora", "adapter"])
def test_where_nothing_pretrained_moves_there_is_no_mean(
    strategy: str, tiny_model: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"strategy": strategy, "epochs": 1, "lora_rank": 2}
    assert Settings(**settings, pretrained_share=SHARE).share_of_pretrained == 0
    plain, told = (
        tune(tiny_model, tmp_path / str(share), pretrained_share=share, **settings).module
        for share in (0.0, SHARE)
    )
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, told.state_dict()[name]), name
