"""What the Trainer logs, handed to the recorders under the names that TensorBoard shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from common.tuning.settings import Settings
from common.tuning.tracking.names import parse_tracking, require_packages
from common.tuning.tracking.recorders import RECORDERS, Recorder


class Track(TrainerCallback):
    """Keeps the curves of one run, in the first process of it.

    transformers' own callbacks for these packages name the same figure differently in each, keep
    one run open for all that a process fine-tunes, and upload unless they are told not to.
    """

    def __init__(self, settings: Settings, work: Path) -> None:
        require_packages(settings.tracking)
        self._settings, self._work = settings, work
        self._names = [name for name in parse_tracking(settings.tracking) if name in RECORDERS]
        self._open: list[Recorder] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Open the recorders; a resumed run goes on where its checkpoint stands."""
        if state.is_world_process_zero:
            for name in self._names:
                self._open.append(RECORDERS[name](self._work, self._settings, state.global_step))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Keep the latest figures: train/loss, train/learning_rate, eval/…"""
        for recorder in self._open:
            recorder.log(state.global_step, named(logs or {}))

    def close(self) -> None:
        """Close what is open, also of a run that failed."""
        while self._open:
            self._open.pop().close()


def named(logs: Mapping[str, float]) -> dict[str, float]:
    """Figures under the names that TensorBoard shows: loss → train/loss, eval_f1 → eval/f1."""
    return {
        f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}": value
        for name, value in logs.items()
    }
