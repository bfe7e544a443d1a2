"""transformers' Trainer for a Task: its batches and its metrics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn
from torch.utils.data import Dataset, Sampler
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from common.console import say
from common.errors import UserError
from common.models.adapting.adapter import adapter_of
from common.models.adapting.ranks import RankAllocation
from common.models.devices import pick_device
from common.models.loading import Pretrained
from common.models.prediction import predict
from common.records.splits import Splits
from common.tuning.adapting.adalora import AllocateRanks, Orthogonality
from common.tuning.arguments import training_arguments
from common.tuning.augmentation.augmenting import Augmentation
from common.tuning.augmentation.back_translation import back_translate
from common.tuning.callbacks import EvaluateAtEpochEnd, ShowProgress, StopWhereNotFinite
from common.tuning.computing.gradient_cache import (
    GradientCache,
    is_more_than,
    tokens_compared,
)
from common.tuning.computing.passes import passes, tokens_per_pass
from common.tuning.optimization import parameter_groups
from common.tuning.regularising.adversarial import EmbeddingPerturbation, gradients_kept
from common.tuning.regularising.averaging import (
    AverageEachStep,
    WeightAverage,
    held_from,
    mean_from,
    moving,
)
from common.tuning.regularising.soup import FOLDER, GreedySoup
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, LossTerm, Metric, Task, TaskModule
from common.tuning.tracking.callback import Track

R = TypeVar("R")


class _RecordDataset(Dataset[Any]):
    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Any:
        return self.records[index]


class TaskTrainer(Trainer, Generic[R]):
    """One fine-tuning run over `splits.train`, measured on `splits.validation`."""

    def __init__(
        self,
        task: Task[R],
        pretrained: Pretrained[Any],
        module: TaskModule,
        splits: Splits[R],
        settings: Settings,
        work: Path,
        precision: str,
        monitor: Metric,
        terms: Sequence[LossTerm] = (),
        watchers: Sequence[TrainerCallback] = (),
    ) -> None:
        self.task = task
        self.terms = terms
        self.pretrained = pretrained
        self.settings = settings
        self.validation = splits.validation
        self.bare_module = module
        self.precision = precision
        self.shown, self.tracked = ShowProgress(monitor), Track(settings, work)
        callbacks: list[TrainerCallback] = [self.shown, StopWhereNotFinite(), self.tracked]
        if settings.evaluate_every and splits.validation:
            callbacks.append(EvaluateAtEpochEnd())
        if settings.patience and splits.validation:
            callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
        self.perturbation = (
            EmbeddingPerturbation(
                module.network.get_input_embeddings(),
                settings.adversarial,
                settings.adversarial_steps,
            )
            if settings.adversarial and settings.strategy != "head"
            else None
        )
        self.monitor = monitor
        self.average = _average(module, settings)
        self.soup = (
            GreedySoup(module, work / FOLDER, monitor)
            if settings.averaging == "soup" and splits.validation
            else None
        )
        if self.average is not None:
            callbacks.append(AverageEachStep(self.average))
        self.tokens_per_pass = tokens_per_pass(settings, pick_device(settings.device))
        self.share = 1.0
        self.ranks: RankAllocation | None = None
        added = adapter_of(module.network)
        if settings.strategy == "adalora" and added is not None:
            base = module.network.base_model
            self.ranks = RankAllocation(base, added)
            self.terms = [*terms, Orthogonality(base)]
            callbacks.append(AllocateRanks(self.ranks))
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(work / "tensorboard")
        super().__init__(
            model=module,
            args=training_arguments(monitor, settings, work, precision, splits),
            train_dataset=_RecordDataset(splits.train),
            eval_dataset=_RecordDataset(splits.validation),
            data_collator=lambda records: task.collate(records, self._tokenize),
            callbacks=[*callbacks, *watchers],
        )
        self.remove_callback(PrinterCallback)
        self.tokens_compared = tokens_compared(settings, module, self.args.world_size)
        inputs = [task.input(record) for record in splits.train]
        self.lengths = pretrained.token_counts(inputs) if settings.group_by_length else None
        self.augment = Augmentation(settings, self._paraphrases(inputs, work))

    def _paraphrases(self, inputs: Sequence[Any], work: Path) -> dict[str, str]:
        """Training texts translated there and back, by one process for all."""
        if self.settings.back_translation is None:
            return {}
        texts = [one for one in inputs if isinstance(one, str) and one]
        if not texts:
            raise UserError("back_translation: this task does not learn from single texts")
        with self.accelerator.main_process_first():
            return back_translate(
                texts, self.settings.back_translation, work, self.accelerator.device
            )

    def _tokenize(self, inputs: Sequence[Any]) -> dict[str, torch.Tensor]:
        read = self.augment(inputs, epoch=int(self.state.epoch or 0))
        tokens: dict[str, torch.Tensor] = self.pretrained.tokenize(read)
        return tokens

    def train(self, *args: Any, **options: Any) -> Any:
        """Fine-tune; what shows and keeps its curves is closed, however it ends."""
        try:
            return super().train(*args, **options)
        finally:
            self.shown.close()
            self.tracked.close()

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The chosen optimizer over layer-wise parameter groups."""
        if self.optimizer is None:
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args)
            groups = parameter_groups(self.bare_module, self.settings)
            self.optimizer = optimizer_class(groups, **options)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """The chosen schedule; what stochastic weight averaging takes the mean of has one rate."""
        scheduler: Any = super().create_scheduler(num_training_steps, optimizer)
        if self.settings.averaging == "swa":
            start = int(self.settings.averaging_start * num_training_steps)
            scheduler.lr_lambdas = [held_from(rate, start) for rate in scheduler.lr_lambdas]
        return scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        if self.lengths is None:
            return super()._get_train_sampler(train_dataset)
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroupedSampler(size, lengths=self.lengths)

    def training_step(self, model: nn.Module, inputs: Batch, *args: Any) -> torch.Tensor:
        """Forward and backward over the batch, in as many passes as its tokens ask for."""
        if (tokens := self.tokens_compared) and is_more_than(inputs, tokens):
            return self._pass_by_vectors(model, inputs, tokens, *args)
        parts = passes(inputs, self.bare_module, self.tokens_per_pass)
        losses = []
        for number, (part, self.share) in enumerate(parts):
            is_last = number == len(parts) - 1
            with nullcontext() if is_last else self.accelerator.no_sync(model):
                losses.append(self._pass(model, part, *args))
        return torch.stack(losses).sum()

    def _pass_by_vectors(
        self, model: nn.Module, inputs: Batch, tokens: int, *args: Any
    ) -> torch.Tensor:
        """The loss of all vectors at once, and the encoder's gradients pass by pass."""
        assert isinstance(self.bare_module, EncoderModule)
        model.train()
        prepared = self._prepare_inputs(inputs)
        kept = GradientCache(
            self.bare_module.pooled, prepared, tokens, self.compute_loss_context_manager
        )
        loss = super().training_step(model, kept.batch, *args)
        kept.backward()
        return loss

    def _pass(self, model: nn.Module, inputs: Batch, *args: Any) -> torch.Tensor:
        """One forward and backward pass; with adversarial training, one more for each step."""
        if self.perturbation is None:
            return super().training_step(model, inputs, *args)
        # The norm is the batch's, whose parts share it.
        self.perturbation.norm = self.settings.adversarial * self.share**0.5
        with self.perturbation.record():
            loss = super().training_step(model, inputs, *args)
        # The steps before the last one only look for the way.
        for _ in range(self.perturbation.steps - 1):
            with gradients_kept(model), self.perturbation.apply():
                super().training_step(model, inputs, *args)
        with self.perturbation.apply():
            super().training_step(model, inputs, *args)
        return loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The task's own loss and all further terms."""
        loss, outputs = super().compute_loss(
            model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        for term in self.terms:
            loss = loss + term(model, inputs, outputs)
        loss = loss * self.share
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """The task's own metrics on the validation records."""
        with self.average.in_place() if self.average else nullcontext():
            measured = self._measure()
        if self.soup is not None and self.is_world_process_zero():
            self.soup.add(self.state.global_step, measured[self.monitor.name])
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        # Frozen weights are those of the pretrained model: a checkpoint need not repeat them.
        learns = {name for name, p in self.bare_module.named_parameters() if p.requires_grad}
        state_dict = self.bare_module.state_dict() if state_dict is None else state_dict
        kept = {name: value for name, value in state_dict.items() if name in learns}
        super()._save(output_dir, kept)
        if self.average is not None and output_dir is not None:
            self.average.save(Path(output_dir))
        if self.ranks is not None and output_dir is not None:
            self.ranks.save(Path(output_dir))

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            self.average.load(Path(resume_from_checkpoint))
        if self.ranks is not None:
            self.ranks.load(Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        super()._load_best_model()
        if self.average is not None and self.state.best_model_checkpoint:
            self.average.load(Path(self.state.best_model_checkpoint))

    def keep_average(self) -> None:
        """Let the averaged weights be the module's, if they were averaged."""
        if self.average is not None:
            self.average.keep()
        if self.soup is not None:
            self.accelerator.wait_for_everyone()
            taken = self.soup.choose(lambda: self._measure()[self.monitor.name])
            if self.is_world_process_zero():
                say(f"The soup is made of the evaluations after steps {', '.join(map(str, taken))}")

    def _measure(self) -> dict[str, float]:
        run = partial(predict, self.bare_module, self.pretrained, precision=self.precision)
        return self.task.measure(run, self.validation)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        # The keys "missing" from a checkpoint are the frozen ones.
        pass


def _average(module: nn.Module, settings: Settings) -> WeightAverage | None:
    kept = {
        "ema": moving(settings.averaging_decay),
        "swa": mean_from(settings.averaging_start),
    }
    if settings.averaging not in kept:
        return None
    return WeightAverage(module, kept[settings.averaging])


def last_checkpoint(work: Path) -> str | None:
    """The newest one that is whole: a run may be killed while it writes, and this comes last."""
    whole = [path.parent for path in work.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None
