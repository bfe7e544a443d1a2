"""The core's front door: fine-tune a task and measure it before and after."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

import torch
from torch import nn
from transformers import TrainerCallback, set_seed

from common.console import say
from common.errors import UserError
from common.models.adapting.adding import fold_adapter
from common.models.adapting.freezing import trained_share
from common.models.adapting.quantised import computing_in
from common.models.devices import pick_device, pick_precision
from common.models.loading import Pretrained
from common.models.prediction import predict
from common.records.splits import Splits
from common.tuning.adapting.choosing import begin_to_learn, choose_what_learns, reading_once
from common.tuning.adapting.prompts import tell_of_prompts
from common.tuning.augmentation.back_translation import FILE as PARAPHRASES
from common.tuning.computing.network import check_computing, computing
from common.tuning.contrastive.stage import pairs_of, pairs_settings
from common.tuning.contrastive.task import PairTask
from common.tuning.describing.needs import refuse_without_validation
from common.tuning.label_names import named_records, told
from common.tuning.privacy.budget import Statement, check_private
from common.tuning.processes import is_main_process
from common.tuning.regularising.interpolating import Interpolation, settings_of_heads
from common.tuning.regularising.r_drop import RDrop
from common.tuning.settings import Settings
from common.tuning.task import (
    EncoderModule,
    LossTerm,
    Metric,
    Predict,
    Task,
    TaskModule,
    check_monitor,
    choose_monitor,
)
from common.tuning.tracking.names import where_curves_are
from common.tuning.trainer import TaskTrainer, last_checkpoint

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])


@dataclass(frozen=True)
class Tuned(Generic[P]):
    """A fine-tuned module and how it came about.

    `history` holds one dict a logged step or evaluation (`step`, `epoch`, `loss` or `eval_…`);
    `before` and `after` are the task's metrics on the validation records, `monitor` the one that
    chose the best epoch. `names_learned` counts the labels whose names were learned as texts,
    `privacy` is what a private run guarantees.
    """

    module: TaskModule
    pretrained: P
    history: list[dict[str, float]]
    monitor: Metric
    before: dict[str, float]
    after: dict[str, float]
    trained_parameters: int
    all_parameters: int
    seconds: float
    precision: str
    device: str = field(default="cpu")
    names_learned: int = 0
    privacy: Statement | None = None

    @property
    def predict(self) -> Predict:
        """Inputs → the module's outputs."""
        return partial(predict, self.module, self.pretrained, precision=self.precision)


def finetune(
    task: Task[R],
    pretrained: P,
    splits: Splits[R],
    settings: Settings,
    *,
    work: Path,
    resume: bool = False,
    module: TaskModule | None = None,
    terms: Sequence[LossTerm] = (),
    watchers: Sequence[TrainerCallback] = (),
) -> Tuned[P]:
    """Fine-tune `pretrained` for `task`; the best epoch is what is returned.

    It is chosen by the first of `task.monitors` that the validation records can give, or by the
    one that the settings name. With `contrastive_epochs` the encoder first learns from pairs of
    the training records' texts.

    Without validation records it is the last one, and settings that would choose are refused. Runs
    as it is on a CPU, a GPU, or several under `torchrun`. With `privacy_epsilon` only the training
    records are protected: validation records, and those that `task` was made of, must be public.

    Args:
        work: where checkpoints and curves go.
        resume: go on from the last checkpoint in `work`, if there is one.
        module: what `task.build(pretrained)` gave, where it is at hand already.
        terms: added to the task's own loss.
        watchers: told of each step and evaluation; one may stop the run by what it raises.

    Raises:
        UserError: a device or a precision that this machine cannot train with, validation
            records without any label that is learned, a figure to watch that is not there, no
            pairs to learn from, or a private run that cannot be one.
        NonFiniteError: the loss is no number any more.
    """
    started = monotonic()
    check_monitor(task.monitors, settings.monitor)
    if not splits.validation:
        refuse_without_validation(settings)
    check_private(settings, resume=resume)
    check_computing(settings, settings.device, resume=resume)
    set_seed(settings.seed)
    device = pick_device(settings.device)
    precision = pick_precision("fp32" if settings.is_private else settings.precision, device)
    if not resume and is_main_process():
        shutil.rmtree(work, ignore_errors=True)

    nn.Module.to(pretrained.network, device)
    module = (task.build(pretrained, precision) if module is None else module).to(device)
    names = named_records(task, splits.train, settings.label_names)
    splits = replace(splits, train=[*splits.train, *names])
    run = partial(predict, module, pretrained, precision=precision)
    before = task.measure(run, splits.validation) if splits.validation else {}
    monitor = _monitor(task, before, splits, settings)
    if is_main_process():
        for shown in where_curves_are(settings.tracking, work):
            say(f"Curves: {shown}")
        if isinstance(module, EncoderModule):
            tell_of_prompts(settings.strategy, module.network)
        if names:
            say(told(len(names), settings.label_names))
    if settings.contrastive_epochs:
        _learn_pairs(task, pretrained, module, splits.train, settings, work, resume)
    begin_to_learn(module, pretrained, settings)
    choose_what_learns(module, settings)
    added = [*terms, RDrop(settings.r_drop, module)] if settings.r_drop else terms
    trainer = _trainer(module, settings, added)(
        task, pretrained, module, splits, settings, work, precision, monitor, added, watchers
    )
    interpolation = Interpolation(module, settings.share_of_pretrained)
    _train(trainer, module, settings, work, resume)
    trained, of_all = trained_share(module)
    if interpolation.apply():
        _fit_heads(task, pretrained, module, splits.train, settings, work, resume, terms)
    if not settings.keep_adapter:
        fold_adapter(module.network)
    module.eval()
    after = task.measure(run, splits.validation) if splits.validation else {}
    return Tuned(
        module=module,
        pretrained=pretrained,
        history=[dict(entry) for entry in trainer.state.log_history],
        monitor=monitor,
        before=before,
        after=after,
        trained_parameters=trained,
        all_parameters=of_all,
        seconds=monotonic() - started,
        precision=precision,
        device=str(device),
        names_learned=len(names),
        privacy=getattr(trainer, "statement", None),
    )


def _trainer(
    module: TaskModule, settings: Settings, terms: Sequence[LossTerm]
) -> type[TaskTrainer[Any]]:
    if settings.sharded:
        from common.tuning.computing.sharded_trainer import ShardedTrainer

        return ShardedTrainer
    if not settings.is_private:
        return TaskTrainer
    if terms:
        raise UserError(
            "privacy_epsilon: what is added to the loss is not in the gradient that is bounded",
            hint="Train without it, or without privacy_epsilon.",
        )
    from common.tuning.privacy.gradients import freeze_shared
    from common.tuning.privacy.trainer import PrivateTrainer

    freeze_shared(module)
    return PrivateTrainer


def _monitor(
    task: Task[R], before: dict[str, float], splits: Splits[R], settings: Settings
) -> Metric:
    """What the best epoch is chosen by, which is said."""
    if not splits.validation:
        return task.monitors[0]
    monitor = choose_monitor(task.monitors, before, settings.monitor)
    if is_main_process():
        say(
            f"The best epoch is chosen by {monitor.name.replace('_', ' ')} on "
            f"{len(splits.validation):,} validation records."
        )
    return monitor


def _train(
    trainer: TaskTrainer[R], module: TaskModule, settings: Settings, work: Path, resume: bool
) -> None:
    checkpoint = last_checkpoint(work) if resume and work.is_dir() else None
    half = torch.bfloat16 if trainer.precision == "bf16" else torch.float32
    with (
        reading_once(module, settings),
        computing(module.network, settings),
        computing_in(module.network, half),
    ):
        trainer.train(resume_from_checkpoint=checkpoint)
    # Texts are kept no longer than they are needed: they may have to be purged.
    (work / PARAPHRASES).unlink(missing_ok=True)
    trainer.keep_average()
    # accelerate leaves its mixed precision around `forward`: what is measured next would not be
    # what a release computes.
    trainer.accelerator.unwrap_model(module, keep_fp32_wrapper=False)
    # Else a further stage would take the module for prepared, and learn in float32.
    vars(module).pop("_is_accelerate_prepared", None)


def _learn_pairs(
    task: Task[R],
    pretrained: P,
    module: TaskModule,
    records: Sequence[R],
    settings: Settings,
    work: Path,
    resume: bool,
) -> None:
    """Tune the encoder on pairs of texts; the heads of `module` then start anew."""
    pairs = pairs_of(task, module, records, settings)
    if is_main_process():
        say(f"Learning from {len(pairs):,} pairs of texts, before the heads")
    stage = pairs_settings(settings)
    tuned = finetune(
        PairTask(), pretrained, Splits(pairs, [], []), stage, work=work / "pairs", resume=resume
    )
    module.load_state_dict(task.build(pretrained, tuned.precision).state_dict())
    # As without the stage, and as where it was over before a run was interrupted.
    set_seed(settings.seed)


def _fit_heads(
    task: Task[R],
    pretrained: P,
    module: TaskModule,
    records: list[R],
    settings: Settings,
    work: Path,
    resume: bool,
    terms: Sequence[LossTerm],
) -> None:
    """Fit the heads again to an encoder that is no longer the one they learned with."""
    if is_main_process():
        say("Fitting the heads to the mean of the encoder before and after")
    finetune(
        task,
        pretrained,
        Splits(records, [], []),
        settings_of_heads(settings),
        work=work / "heads",
        resume=resume,
        module=module,
        terms=terms,
    )
