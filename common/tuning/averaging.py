"""The average of the weights over the latest steps: flatter, and steadier, than the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

FILE = "average.safetensors"


class WeightAverage:
    """Exponential moving average of what learns (Tarvainen & Valpola 2017, arXiv 1703.01780).

    After step t it keeps min(`decay`, (1 + t) / (10 + t)) of itself, so that the first weights do
    not linger.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._learns = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self._average = {name: p.detach().clone() for name, p in self._learns.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step`, counted from 1."""
        kept = min(self.decay, (1 + step) / (10 + step))
        for name, weights in self._learns.items():
            self._average[name].lerp_(weights, 1 - kept)

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
        self._average.update(state.global_step)
