"""A module trained further; or, where its encoder stays, measured as it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from common.models.devices import pick_device, pick_precision
from common.models.loading import Pretrained
from common.models.prediction import predict
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings
from common.tuning.task import LossTerm, Task, TaskModule, choose_monitor

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])


def learn_further(
    task: Task[R],
    pretrained: P,
    module: TaskModule,
    splits: Splits[R],
    settings: Settings,
    terms: Sequence[LossTerm],
    *,
    work: Path,
    resume: bool = False,
) -> Tuned[P]:
    """As `finetune`, from where `module` stands, if its settings do not leave the encoder as it is.

    Raises:
        UserError: as `finetune`.
    """
    if settings.is_frozen:
        return as_tuned(task, pretrained, module, splits.validation, settings)
    return finetune(
        task, pretrained, splits, settings, work=work, resume=resume, module=module, terms=terms
    )


def as_tuned(
    task: Task[R], pretrained: P, module: TaskModule, validation: Sequence[R], settings: Settings
) -> Tuned[P]:
    """`module`, whose heads are fitted, as `finetune` would have given it.

    Raises:
        UserError: the validation records have no label that is learned.
    """
    started = monotonic()
    device = pick_device(settings.device)
    precision = pick_precision(settings.precision, device)
    run = partial(predict, module.eval(), pretrained, precision=precision)
    measured = task.measure(run, validation)
    return Tuned(
        module=module,
        pretrained=pretrained,
        history=[],
        monitor=choose_monitor(task.monitors, measured, settings.monitor),
        before=measured,
        after=measured,
        trained_parameters=0,
        all_parameters=sum(parameter.numel() for parameter in module.parameters()),
        seconds=monotonic() - started,
        precision=precision,
        device=str(device),
    )
