"""One trial: fine-tune with some settings, and the figure that the validation records give it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.finite import require_finite
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.search.prepared import Prepare
from common.tuning.search.pruning import WatchTrial
from common.tuning.settings import Settings
from common.tuning.task import Metric


@dataclass(frozen=True)
class Measured:
    """The monitored figure at its best evaluation."""

    monitor: Metric
    figure: float


def attempt(prepare: Prepare, settings: Settings, work: Path, watch: WatchTrial) -> Measured:
    """Fine-tune once; what is left in `work` are the curves.

    The test records are no part of it: they are left out before anything is fine-tuned.

    Raises:
        TrialPruned, OutOfTimeError: `watch` stopped it.
        NonFiniteError: the loss or the figure is no number.
    """
    prepared = prepare(settings)
    seen = Splits(prepared.splits.train, prepared.splits.validation, [])
    try:
        tuned = finetune(
            prepared.task, prepared.pretrained, seen, settings, work=work, watchers=[watch]
        )
    finally:
        for checkpoint in work.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    return Measured(tuned.monitor, best_figure(tuned))


def best_figure(tuned: Tuned[Any]) -> float:
    """The monitored figure of the evaluation that was chosen."""
    name = f"eval_{tuned.monitor.name}"
    figures = [entry[name] for entry in tuned.history if name in entry]
    best = max(figures) if tuned.monitor.higher_is_better else min(figures)
    require_finite(f"the evaluation: {tuned.monitor.name}", figure=best)
    return best
