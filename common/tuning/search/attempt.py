"""One trial: fine-tune with some settings, and the figure that the validation records give it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from common.finite import require_finite
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.search.prepared import Prepare
from common.tuning.search.pruning import WatchTrial
from common.tuning.settings import Settings
from common.tuning.task import Metric


@dataclass(frozen=True)
class Measured:
    """The monitored figure of what a run ended with."""

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
    # Not the best of the history: what a run ends with may be a mean that was not evaluated in it.
    figure = tuned.after[tuned.monitor.name]
    require_finite(f"the evaluation: {tuned.monitor.name}", figure=figure)
    return Measured(tuned.monitor, figure)
