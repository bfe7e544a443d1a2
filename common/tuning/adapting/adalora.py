"""AdaLoRA in a run: ranks are allocated at each step, and singular vectors kept orthonormal."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from common.models.adapting.ranks import RankAllocation, orthogonality
from common.tuning.task import Batch

# What being orthonormal counts beside the task's loss; the paper takes .1 to .5.
WEIGHT = 0.5


class Orthogonality:
    """A `LossTerm`: AdaLoRA's singular vectors far from orthonormal."""

    def __init__(self, base: nn.Module) -> None:
        self._base = base

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """The scalar that is added to the loss."""
        return WEIGHT * orthogonality(self._base)


class AllocateRanks(TrainerCallback):
    """Allocates ranks while the gradients of a step are there."""

    def __init__(self, ranks: RankAllocation) -> None:
        self._ranks = ranks

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The number of steps is known now."""
        self._ranks.schedule(state.max_steps)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take in one step."""
        self._ranks.update(state.global_step + 1)
