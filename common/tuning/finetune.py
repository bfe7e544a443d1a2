"""The core's front door: fine-tune a task and measure it before and after."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

import torch
from torch import nn
from torch.utils.data import Dataset, Sampler
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from common.errors import UserError
from common.models.adapters import add_lora, fold_lora
from common.models.encoder import predict
from common.models.freezing import freeze, parse_strategy, trained_share
from common.models.frozen_pooling import FrozenPooling
from common.models.loading import Backbone, pick_device, pick_precision
from common.records.splits import Splits
from common.tuning.adversarial import EmbeddingPerturbation
from common.tuning.callbacks import ShowProgress
from common.tuning.optimization import parameter_groups
from common.tuning.settings import Settings
from common.tuning.task import Batch, Predict, Task, TaskModule

R = TypeVar("R")
OPTIMIZERS = {"adamw": "adamw_torch", "sgd": "sgd", "adafactor": "adafactor"}


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned module and how it came about.

    `history` holds one dict a logged step or evaluation (`step`, `epoch`, `loss` or `eval_…`);
    `before` and `after` are the task's metrics on the validation records.
    """

    module: TaskModule
    backbone: Backbone
    history: list[dict[str, float]]
    before: dict[str, float]
    after: dict[str, float]
    trained_parameters: int
    all_parameters: int
    seconds: float
    precision: str
    device: str = field(default="cpu")

    @property
    def predict(self) -> Predict:
        """Texts → the module's outputs."""
        return partial(predict, self.module, self.backbone, precision=self.precision)


def is_main_process() -> bool:
    """False in all processes but the first of a `torchrun`; only that one writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def finetune(
    task: Task[R],
    backbone: Backbone,
    splits: Splits[R],
    settings: Settings,
    *,
    work: Path,
    resume: bool = False,
    module: TaskModule | None = None,
) -> Tuned:
    """Fine-tune `backbone` for `task`; the best epoch by `task.monitor` is what is returned.

    Without validation records it is the last one. Runs as it is on a CPU, a GPU, or several
    under `torchrun`.

    Args:
        work: where checkpoints and TensorBoard curves go.
        resume: go on from the last checkpoint in `work`, if there is one.
        module: what `task.build(backbone)` gave, where it is at hand already.

    Raises:
        UserError: a device or a precision that this machine cannot train with.
    """
    started = monotonic()
    set_seed(settings.seed)
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    if precision == "fp16" and device.type == "cpu":
        raise UserError("a CPU cannot train in fp16", mend="Take --precision auto, bf16 or fp32.")
    if not resume and is_main_process():
        shutil.rmtree(work, ignore_errors=True)

    nn.Module.to(backbone.encoder, device)
    module = (task.build(backbone) if module is None else module).to(device)
    run = partial(predict, module, backbone, precision=precision)
    before = task.measure(run, splits.validation) if splits.validation else {}
    _choose_what_learns(module, settings)
    trainer = _TaskTrainer(task, backbone, module, splits, settings, work, precision)
    checkpoint = _last_checkpoint(work) if resume and work.is_dir() else None
    with _reading_once(module, settings):
        trainer.train(resume_from_checkpoint=checkpoint)
    # accelerate leaves its mixed precision around `forward`: what is measured next would not be
    # what a release computes.
    trainer.accelerator.unwrap_model(module, keep_fp32_wrapper=False)

    trained, of_all = trained_share(module)
    if settings.strategy == "lora":
        fold_lora(module.pooled.encoder)
    module.eval()
    after = task.measure(run, splits.validation) if splits.validation else {}
    return Tuned(
        module=module,
        backbone=backbone,
        history=[dict(entry) for entry in trainer.state.log_history],
        before=before,
        after=after,
        trained_parameters=trained,
        all_parameters=of_all,
        seconds=monotonic() - started,
        precision=precision,
        device=str(device),
    )


def _choose_what_learns(module: TaskModule, settings: Settings) -> None:
    encoder: Any = module.pooled.encoder
    if settings.strategy == "lora":
        add_lora(
            encoder,
            rank=settings.lora_rank,
            alpha=settings.lora_alpha,
            dropout=settings.lora_dropout,
        )
    else:
        strategy = parse_strategy(settings.strategy)
        freeze(encoder, strategy, freeze_word_embeddings=settings.freeze_word_embeddings)


@contextmanager
def _reading_once(module: TaskModule, settings: Settings) -> Iterator[None]:
    """Keep the vectors of an encoder that neither learns nor is perturbed."""
    pooled = module.pooled
    if settings.strategy == "head" and not settings.adversarial:
        module.pooled = FrozenPooling(pooled.encoder)
    try:
        yield
    finally:
        module.pooled = pooled


def _last_checkpoint(work: Path) -> str | None:
    """The newest one that is whole: a run may be killed while it writes, and this comes last."""
    whole = [path.parent for path in work.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None


class _RecordDataset(Dataset[Any]):
    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Any:
        return self.records[index]


class _TaskTrainer(Trainer, Generic[R]):
    """transformers' Trainer, told how a Task makes batches and is measured."""

    def __init__(
        self,
        task: Task[R],
        backbone: Backbone,
        module: TaskModule,
        splits: Splits[R],
        settings: Settings,
        work: Path,
        precision: str,
    ) -> None:
        self.task = task
        self.backbone = backbone
        self.settings = settings
        self.validation = splits.validation
        self.bare_module = module
        self.precision = precision
        callbacks: list[TrainerCallback] = [ShowProgress(task.monitor)]
        if settings.patience and splits.validation:
            callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
        self.perturbation = (
            EmbeddingPerturbation(
                module.pooled.encoder.get_input_embeddings(),  # type: ignore[operator]
                settings.adversarial,
            )
            if settings.adversarial
            else None
        )
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(work / "tensorboard")
        super().__init__(
            model=module,
            args=_arguments(task, settings, work, precision, splits),
            train_dataset=_RecordDataset(splits.train),
            eval_dataset=_RecordDataset(splits.validation),
            data_collator=lambda records: task.collate(records, backbone.tokenize),
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        texts = [task.text(record) for record in splits.train]
        self.lengths = backbone.token_counts(texts) if settings.group_by_length else None

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The chosen optimizer over layer-wise parameter groups."""
        if self.optimizer is None:
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args)
            groups = parameter_groups(self.bare_module, self.settings)
            self.optimizer = optimizer_class(groups, **options)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        if self.lengths is None:
            return super()._get_train_sampler(train_dataset)
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroupedSampler(size, lengths=self.lengths)

    def training_step(self, model: nn.Module, inputs: Batch, *args: Any) -> torch.Tensor:
        """One forward and backward pass; with adversarial training, two."""
        if self.perturbation is None:
            return super().training_step(model, inputs, *args)
        with self.perturbation.record():
            loss = super().training_step(model, inputs, *args)
        with self.perturbation.apply():
            super().training_step(model, inputs, *args)
        return loss

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """The task's own metrics on the validation records."""
        run = partial(predict, self.bare_module, self.backbone, precision=self.precision)
        measured = self.task.measure(run, self.validation)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        # Frozen weights are those of the backbone: a checkpoint need not repeat them.
        learns = {name for name, p in self.bare_module.named_parameters() if p.requires_grad}
        state_dict = self.bare_module.state_dict() if state_dict is None else state_dict
        kept = {name: value for name, value in state_dict.items() if name in learns}
        super()._save(output_dir, kept)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        # The keys "missing" from a checkpoint are the frozen ones.
        pass


def _arguments(
    task: Task[R], settings: Settings, work: Path, precision: str, splits: Splits[R]
) -> TrainingArguments:
    device = pick_device(settings.device)
    steps_per_epoch = max(1, len(splits.train) // (settings.batch_size * settings.accumulation))
    return TrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        optim=OPTIMIZERS[settings.optimizer],
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clipping,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device.type == "cpu",
        seed=settings.seed,
        data_seed=settings.seed,
        eval_strategy="epoch" if splits.validation else "no",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=bool(splits.validation),
        metric_for_best_model=f"eval_{task.monitor.name}",
        greater_is_better=task.monitor.higher_is_better,
        logging_steps=max(1, steps_per_epoch // 10),
        report_to=["tensorboard"],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
        label_names=[],
        ddp_find_unused_parameters=False,
    )
