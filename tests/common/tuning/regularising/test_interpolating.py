from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from toy import tune

from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.tuning.regularising.interpolating import Interpolation


def test_a_share_of_what_was_there_before_is_kept() -> None:
    module = nn.Linear(1, 1)
    module.bias.requires_grad = False
    nn.init.constant_(module.weight, 1.0)
    nn.init.constant_(module.bias, 5.0)
    interpolation = Interpolation(module, 0.25)
    nn.init.constant_(module.weight, 3.0)
    interpolation.apply()
    assert module.weight.item() == 2.5
    assert module.bias.item() == 5.0


def test_training_ends_between_the_weights_before_and_after(
    tiny_model: Path, tmp_path: Path
) -> None:
    before = load_encoder(Source("tiny", tiny_model)).network.state_dict()
    after, between = (
        tune(tiny_model, tmp_path / str(share), pretrained_share=share).module.pooled.encoder
        for share in (0.0, 0.4)
    )
    learned = after.state_dict()
    for name, tensor in between.state_dict().items():
        if tensor.is_floating_point():
            mean = torch.lerp(learned[name], before[name], 0.4)
            assert tensor.numpy() == pytest.approx(mean.numpy(), abs=1e-6), name
