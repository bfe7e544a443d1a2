"""Curves written to files of the run; nothing leaves this machine unless its user asks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from time import time
from typing import Any, Protocol

from common.tuning.settings import Settings

Figures = Mapping[str, float]


class Recorder(Protocol):
    """Where the figures of one run are kept, by step."""

    def log(self, step: int, figures: Figures) -> None:
        """Keep `figures` of a step, named like train/loss and eval/accuracy."""

    def close(self) -> None:
        """Write what is not yet written."""


class JsonLines:
    """One line of JSON for each step: `curves.jsonl`."""

    def __init__(self, work: Path, settings: Settings, step: int) -> None:
        path = work / "curves.jsonl"
        kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        # A killed run is ahead of the checkpoint that it goes on from.
        self._file.writelines(f"{line}\n" for line in kept if _step_of(line) <= step)

    def log(self, step: int, figures: Figures) -> None:
        """Write one line at once."""
        finite = {name: value for name, value in figures.items() if isfinite(value)}
        self._file.write(json.dumps({"step": step, **finite}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class WeightsAndBiases:
    """A run of Weights & Biases below `wandb/`; WANDB_MODE=online in the environment uploads it."""

    def __init__(self, work: Path, settings: Settings, step: int) -> None:
        # Read as wandb is imported: what fails there is no news for anybody elsewhere.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        work.mkdir(parents=True, exist_ok=True)
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "bizlm"),
            name=work.name,
            dir=str(work),
            config=settings.model_dump(),
            mode=mode,
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )

    def log(self, step: int, figures: Figures) -> None:
        """Log one step."""
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


class MLflow:
    """A run of MLflow below `mlflow/`, or where MLFLOW_TRACKING_URI says."""

    def __init__(self, work: Path, settings: Settings, step: int) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Otherwise MLflow refuses a store of files, the only one that needs no database.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI") or (work / "mlflow").absolute().as_uri()
        self._client = MlflowClient(tracking_uri=address)
        found = self._client.get_experiment_by_name("bizlm")
        experiment = found.experiment_id if found else self._client.create_experiment("bizlm")
        self._run = self._client.create_run(experiment, run_name=work.name).info.run_id
        for name, value in settings.model_dump().items():
            self._client.log_param(self._run, name, value)

    def log(self, step: int, figures: Figures) -> None:
        """Log one step."""
        from mlflow.entities import Metric

        now = int(time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in figures.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


RECORDERS: dict[str, Callable[[Path, Settings, int], Recorder]] = {
    "json": JsonLines,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}


def _step_of(line: str) -> int:
    """Of a line that was cut off as the run died: after all others."""
    try:
        return int(json.loads(line)["step"])
    except ValueError:
        return 2**62
