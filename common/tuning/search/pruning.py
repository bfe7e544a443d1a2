"""A trial watched while it learns: stopped where it lags behind, or where the time is up."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from optuna import Trial
from optuna.exceptions import TrialPruned
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class OutOfTimeError(Exception):
    """The search's time is up; the trial has not been finished."""


class WatchTrial(TrainerCallback):
    """Reports the monitored figure of each epoch to a study, and stops what need not go on.

    Args:
        deadline: in seconds of `monotonic`.
        may_prune: False where a run is to be finished whatever its figures are.
        on_evaluated: called after each evaluation.
    """

    def __init__(
        self,
        trial: Trial,
        deadline: float,
        *,
        may_prune: bool,
        on_evaluated: Callable[[], None],
    ) -> None:
        self._trial = trial
        self._deadline = deadline
        self._may_prune = may_prune
        self._on_evaluated = on_evaluated

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Look at the clock.

        Raises:
            OutOfTimeError: it is too late to go on.
        """
        if monotonic() > self._deadline:
            raise OutOfTimeError

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Report the figure of an epoch.

        Evaluations within an epoch are no moments at which trials could be compared, for the
        batch size, and with it the number of steps, may be searched.

        Raises:
            TrialPruned: the study expects nothing of this trial any more.
        """
        self._on_evaluated()
        epoch = round(state.epoch or 0)
        if not self._may_prune or abs((state.epoch or 0) - epoch) > 1e-6:
            return
        self._trial.report((metrics or {})[str(args.metric_for_best_model)], epoch)
        if self._trial.should_prune():
            raise TrialPruned(f"behind the others after epoch {epoch}")
