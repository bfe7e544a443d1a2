from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy import tune

from common.tuning.regularising.averaging import WeightAverage, held_from, mean_from, moving


def test_it_is_the_moving_average_of_what_learns(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    module.bias.requires_grad = False
    start = float(module.weight.detach())
    average = WeightAverage(module, moving(0.25))
    for step, value in enumerate((1.0, 2.0), start=1):
        module.weight.data.fill_(value)
        module.bias.data.fill_(value)
        average.update(step, 2)
    first = (2 / 11) * start + (9 / 11) * 1.0
    expected = 0.25 * first + 0.75 * 2.0
    with average.in_place():
        assert float(module.weight.detach()) == pytest.approx(expected)
        assert float(module.bias) == 2.0
    assert float(module.weight.detach()) == 2.0
    average.save(tmp_path)
    average.update(3, 3)
    average.load(tmp_path)
    average.keep()
    assert float(module.weight.detach()) == pytest.approx(expected)


def test_the_mean_of_the_last_part_begins_anew(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    average = WeightAverage(module, mean_from(0.5))
    for step, value in enumerate((1.0, 2.0, 4.0, 9.0), start=1):
        module.weight.data.fill_(value)
        average.update(step, 4)
        expected = {1: 1.0, 2: 2.0, 3: 4.0, 4: 6.5}[step]
        with average.in_place():
            assert float(module.weight.detach()) == pytest.approx(expected)


def test_the_rate_is_held_while_the_mean_is_taken(tiny_model: Path, tmp_path: Path) -> None:
    rate = held_from(lambda step: 1 - step / 10, 6)
    assert [rate(step) for step in (0, 5, 6, 9)] == pytest.approx([1.0, 0.5, 0.4, 0.4])
    given = {"epochs": 4, "warmup": 0.0, "averaging_start": 0.5}
    tuned = tune(tiny_model, tmp_path / "work", averaging="swa", **given)
    rates = [entry["learning_rate"] for entry in tuned.history if "learning_rate" in entry]
    assert rates[0] > rates[-1] == rates[-2] > 0


@pytest.mark.parametrize("way", ["ema", "swa"])
def test_what_is_measured_is_what_is_kept(tiny_model: Path, tmp_path: Path, way: str) -> None:
    tuned = tune(tiny_model, tmp_path / "work", epochs=4, averaging=way, averaging_start=0.3)
    losses = [entry["eval_loss"] for entry in tuned.history if "eval_loss" in entry]
    assert tuned.after["loss"] == pytest.approx(min(losses), rel=1e-5)
    bare = tune(tiny_model, tmp_path / "bare", epochs=4)
    assert tuned.after["loss"] != pytest.approx(bare.after["loss"], rel=1e-3)
