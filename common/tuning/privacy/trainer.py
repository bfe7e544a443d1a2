"""A fine-tuning run within a privacy budget, under transformers' Trainer."""

from __future__ import annotations

import secrets
from typing import Any, TypeVar

import torch
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from torch import nn
from torch.utils.data import DataLoader

from common.tuning.privacy.budget import Statement, plan_budget, steps_per_epoch
from common.tuning.privacy.gradients import PrivateGradients
from common.tuning.task import Batch, EncoderModule
from common.tuning.trainer import TaskTrainer

R = TypeVar("R")


class PrivateTrainer(TaskTrainer[R]):
    """`TaskTrainer` whose every step is private. Its validation records must be public.

    Records are drawn by Poisson sampling: each takes part in a step by itself, with the same
    probability, so that batches differ in size.
    """

    gradients: PrivateGradients

    train_dataset: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.budget = plan_budget(len(self.train_dataset), self.settings)
        # Most of the gradient's norm is noise, which says nothing of the step.
        self.args.max_grad_norm = 0.0

    @property
    def statement(self) -> Statement:
        """What the steps so far guarantee."""
        return self.gradients.statement

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Records, not yet batches: a step may hold none."""
        sampler = UniformWithReplacementSampler(
            num_samples=self.budget.records,
            sample_rate=self.budget.rate,
            generator=torch.Generator().manual_seed(secrets.randbits(63)),
            steps=steps_per_epoch(self.budget.records, self.settings.batch_size),
        )
        return DataLoader(
            self.train_dataset,
            batch_sampler=sampler,
            collate_fn=lambda records: {"records": records},
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The usual one; what it steps by is private."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new:
            assert isinstance(self.bare_module, EncoderModule)
            self.gradients = PrivateGradients(self.bare_module, optimizer, self.budget)
        return optimizer

    def train(self, *args: Any, **options: Any) -> Any:
        """Fine-tune; the hooks are taken off, however it ends."""
        try:
            return super().train(*args, **options)
        finally:
            if hasattr(self, "gradients"):
                self.gradients.close()

    def training_step(self, model: nn.Module, inputs: Any, *_: Any) -> torch.Tensor:
        """The gradient of one private step. No loss: it would tell of the records what it likes."""
        model.train()
        records = sorted(inputs["records"], key=lambda one: len(str(self.task.input(one))))
        size = self.gradients.records_at_once
        parts = [records[start : start + size] for start in range(0, len(records), size)]
        self.gradients.fill([self._batch(part) for part in parts])
        return torch.zeros((), device=self.args.device)

    def _batch(self, records: list[Any]) -> Batch:
        batch: Batch = self._prepare_inputs(self.data_collator(records))
        return batch

    def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
        """Everything but the loss, which is not computed."""
        super().log(
            {name: value for name, value in logs.items() if name not in {"loss", "train_loss"}},
            *args,
            **options,
        )
