"""A fine-tuning run that no process holds all of, under transformers' Trainer."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

from common.errors import UserError
from common.tuning.computing.sharding import Sharded
from common.tuning.optimization import parameter_groups
from common.tuning.trainer import TaskTrainer

R = TypeVar("R")


class ShardedTrainer(TaskTrainer[R]):
    """`TaskTrainer` that learns with a copy of its module, shared out among the processes.

    The module itself stays whole, for tasks measure by its parts; it takes over what was learned
    before each evaluation and each checkpoint. accelerate's own way knows GPUs alone.
    """

    sharded: Sharded

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.precision == "fp16":
            raise UserError(
                "sharded: gradients in float16 are scaled as a whole, and here they are shared out",
                hint="Take --precision bf16 or fp32.",
            )
        # Each process has a part of the optimizer's state.
        self.args.save_only_model = True

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Over this process's part of each weight."""
        if self.optimizer is None:
            learns = copy.deepcopy(self.bare_module)
            self.sharded = Sharded(learns, self.args.device, self.precision)
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args)
            self.optimizer = optimizer_class(parameter_groups(learns, self.settings), **options)
        return self.optimizer

    def train(self, *args: Any, **options: Any) -> Any:
        """Fine-tune; then the module is what was learned, or the best of it."""
        found = super().train(*args, **options)
        if self.state.best_model_checkpoint is None:
            self.sharded.gather_into(self.bare_module)
        return found

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write all of what learns, by the first process."""
        self.sharded.gather_into(self.bare_module)
        super().save_model(output_dir, _internal_call)

    def _wrap_model(self, model: nn.Module, training: bool = True, dataloader: Any = None) -> Any:
        return self.sharded if training else model

    def _measure(self) -> dict[str, float]:
        self.sharded.gather_into(self.bare_module)
        return super()._measure()
