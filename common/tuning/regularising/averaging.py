"""The average of the weights over many steps: flatter, and steadier, than the last ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

FILE = "average.safetensors"
# (step, counted from 1, all steps) → the share that the average keeps of itself at this step.
Kept = Callable[[int, int], float]


def moving(decay: float) -> Kept:
    """An exponential moving average (Tarvainen & Valpola 2017, arXiv 1703.01780).

    After step t it keeps min(`decay`, (1 + t) / (10 + t)) of itself, so that the first weights do
    not linger.
    """

    def kept(step: int, _steps: int) -> float:
        return min(decay, (1 + step) / (10 + step))

    return kept


def mean_from(start: float) -> Kept:
    """Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407).

    The mean of the weights after each step that comes after `start`, a share of all steps; until
    then, the weights themselves. The rate should not fall while it is taken, see `held_from`.
    """

    def kept(step: int, steps: int) -> float:
        taken = step - int(start * steps)
        return (taken - 1) / taken if taken > 0 else 0.0

    return kept


def held_from(rate: Callable[[int], float], step: int) -> Callable[[int], float]:
    """A schedule, step → factor of the rate, that stays what it is at `step`."""
    return lambda now: rate(min(now, step))


class WeightAverage:
    """An average of what learns."""

    def __init__(self, module: nn.Module, kept: Kept) -> None:
        self.kept = kept
        self._learns = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self._average = {name: p.detach().clone() for name, p in self._learns.items()}

    @torch.no_grad()
    def update(self, step: int, steps: int) -> None:
        """Take in the weights after `step`, counted from 1, of `steps`."""
        new = 1 - self.kept(step, steps)
        for name, weights in self._learns.items():
            self._average[name].lerp_(weights, new)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the module computes with the average."""
        learned = {name: p.detach().clone() for name, p in self._learns.items()}
        self.keep()
        try:
            yield
        finally:
            self._set(learned)

    def keep(self) -> None:
        """Put the average where the weights are."""
        self._set(self._average)

    def save(self, checkpoint: Path) -> None:
        """Write it into the directory of a checkpoint."""
        save_file({n: w.cpu().contiguous() for n, w in self._average.items()}, checkpoint / FILE)

    def load(self, checkpoint: Path) -> None:
        """Read it from there."""
        for name, weights in load_file(checkpoint / FILE).items():
            self._average[name].copy_(weights)

    @torch.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        for name, weights in self._learns.items():
            weights.copy_(values[name])


class AverageEachStep(TrainerCallback):
    """Updates the average with each optimizer step."""

    def __init__(self, average: WeightAverage) -> None:
        self._average = average

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take in one step."""
        self._average.update(state.global_step, state.max_steps)
