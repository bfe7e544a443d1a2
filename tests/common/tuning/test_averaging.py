from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy import tune

from common.tuning.averaging import WeightAverage


def test_it_is_the_moving_average_of_what_learns(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    module.bias.requires_grad = False
    start = float(module.weight.detach())
    average = WeightAverage(module, decay=0.25)
    for step, value in enumerate((1.0, 2.0), start=1):
        module.weight.data.fill_(value)
        module.bias.data.fill_(value)
        average.update(step)
    first = (2 / 11) * start + (9 / 11) * 1.0
    expected = 0.25 * first + 0.75 * 2.0
    with average.in_place():
        assert float(module.weight.detach()) == pytest.approx(expected)
        assert float(module.bias) == 2.0
    assert float(module.weight.detach()) == 2.0
    average.save(tmp_path)
    average.update(3)
    average.load(tmp_path)
    average.keep()
    assert float(module.weight.detach()) == pytest.approx(expected)


def test_what_is_measured_each_epoch_is_what_is_kept(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "work", epochs=4, weight_averaging=0.95)
    losses = [entry["eval_loss"] for entry in tuned.history if "eval_loss" in entry]
    assert tuned.after["loss"] == pytest.approx(min(losses), rel=1e-5)
    bare = tune(tiny_model, tmp_path / "bare", epochs=4)
    assert tuned.after["loss"] != pytest.approx(bare.after["loss"], rel=1e-3)
