"""What is learned last leaves the encoder that calibrated as it is, if that is a mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sample import Demo, Run
from torch import Tensor

from apps.customer_service.training.usual import PRETRAINED_SHARE
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source

LAYER = "encoder.layer.1."


def _top_layer(weights: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    start = prefix + LAYER
    found = {n.removeprefix(prefix): t.float() for n, t in weights.items() if n.startswith(start)}
    assert found
    return found


@pytest.mark.slow
@pytest.mark.parametrize("share", [None, 0.0])
def test_a_release_has_the_mean_of_the_best_epoch_and_the_pretrained_weights(
    share: float | None, run: Run, demo: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    chosen = () if share is None else ("--set", f"pretrained_share={share}")
    done = run(
        "train", "--faqs", demo.faqs, "--questions", demo.questions, "--backbone", tiny_model,
        "--set", "epochs=2", "--set", "learning_rate=1e-3", "--set", "strategy=top-layers:1",
        *chosen, "--max-wrong", "0.2", "--store", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (state,) = {
        json.loads(path.read_text())["best_model_checkpoint"]
        for path in tmp_path.glob("customer_service/training/*/checkpoint-*/trainer_state.json")
    }
    learned = _top_layer(load_file(Path(state) / "model.safetensors"), "pooled.encoder.")
    before = _top_layer(load_encoder(Source("tiny", tiny_model)).network.state_dict())
    (model,) = tmp_path.glob("customer_service/releases/*/model/model.safetensors")
    serves = _top_layer(load_file(model))
    kept = PRETRAINED_SHARE if share is None else share
    is_mean = all(
        torch.allclose(serves[name], torch.lerp(learned[name], before[name], kept), atol=1e-6)
        for name in serves
    )
    # Without a mean the encoder, too, learns the questions that calibrated.
    assert is_mean is (share is None)
