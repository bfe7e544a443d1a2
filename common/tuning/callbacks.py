"""What is shown while a model learns."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from common.console import Advance, progress
from common.finite import require_finite
from common.tuning.task import Metric


class StopWhereNotFinite(TrainerCallback):
    """Stops a run whose loss is no number: nothing could be learned any more."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Look at the latest loss.

        Raises:
            NonFiniteError: it is NaN or infinite.
        """
        for name in ("loss", "grad_norm"):
            # In fp16 a step whose gradient overflows is left out and tried again at another scale.
            if logs and name in logs and not (name == "grad_norm" and args.fp16):
                require_finite(
                    f"training, up to step {state.global_step}",
                    hint="Lower the learning rate (--set learning_rate=1e-5), or take "
                    "--precision fp32.",
                    **{name: logs[name]},
                )


class EvaluateAtEpochEnd(TrainerCallback):
    """Where evaluations go by steps, the end of an epoch is one of their moments, too."""

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Evaluate and save, unless this very step was evaluated."""
        is_done = state.global_step % (args.eval_steps or 1) == 0
        control.should_evaluate = control.should_save = not is_done


class ShowProgress(TrainerCallback):
    """One progress line: steps, rate, time left, the loss and the monitored figure."""

    def __init__(self, monitor: Metric) -> None:
        self.monitor = monitor
        self._stack = ExitStack()
        self._advance: Advance | None = None
        self._loss = self._figure = ""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Open the line; a resumed run starts where it stopped."""
        if state.is_world_process_zero:
            self._advance = self._stack.enter_context(progress("Fine-tuning", state.max_steps))
            self._advance(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count one step."""
        if self._advance:
            self._advance(1, note=f"{self._loss} {self._figure}".strip())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Keep the latest loss and figure."""
        if logs and "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.3f}"
        if logs and (figure := logs.get(f"eval_{self.monitor.name}")) is not None:
            self._figure = f"{self.monitor.name} {figure:.4f}"

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Close the line."""
        self.close()

    def close(self) -> None:
        """Close the line, also of a run that failed: the next one cannot show its own otherwise."""
        self._stack.close()
