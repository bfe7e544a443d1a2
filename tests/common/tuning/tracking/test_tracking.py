from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from toy import tune

from common.errors import UserError
from common.tuning.configuration import read_settings
from common.tuning.settings import Settings
from common.tuning.tracking import names
from common.tuning.tracking.recorders import JsonLines

NAMES = {"train/loss", "train/learning_rate", "train/grad_norm", "eval/loss", "eval/accuracy"}


def needs(package: str) -> pytest.MarkDecorator:
    missing = find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


def last_losses(history: list[dict[str, float]]) -> tuple[float, float]:
    """Of the training, and of the evaluation, as the run itself saw them."""
    trained = [entry["loss"] for entry in history if "loss" in entry]
    evaluated = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    return trained[-1], evaluated[-1]


def test_json_lines_hold_what_was_logged(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "work", tracking="json")
    lines = (tmp_path / "work" / "curves.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert {name for entry in entries for name in entry} >= {"step", *NAMES}
    trained, evaluated = last_losses(tuned.history)
    assert [e["train/loss"] for e in entries if "train/loss" in e][-1] == trained
    assert [e["eval/loss"] for e in entries if "eval/loss" in e][-1] == evaluated
    assert not (tmp_path / "work" / "tensorboard").exists()


def test_tensorboard_holds_what_was_logged(tiny_model: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tuned = tune(tiny_model, tmp_path / "work")
    events = EventAccumulator(str(tmp_path / "work" / "tensorboard"))
    events.Reload()
    assert {*events.Tags()["scalars"]} >= NAMES
    trained, evaluated = last_losses(tuned.history)
    assert events.Scalars("train/loss")[-1].value == pytest.approx(trained)
    assert events.Scalars("eval/loss")[-1].value == pytest.approx(evaluated)


@needs("wandb")
def test_weights_and_biases_writes_here_and_sends_nothing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    tuned = tune(tiny_model, tmp_path / "work", tracking="wandb")
    (path,) = (tmp_path / "work" / "wandb").glob("offline-run-*/*.wandb")
    written = path.read_bytes()
    for name in NAMES:
        assert name.encode() in written, name
    for loss in last_losses(tuned.history):
        assert json.dumps(loss).encode() in written


@needs("mlflow")
def test_mlflow_writes_below_the_run(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tuned = tune(tiny_model, tmp_path / "work", tracking="mlflow,json")
    client = MlflowClient((tmp_path / "work" / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("bizlm")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert {*run.data.metrics} >= NAMES
    trained, evaluated = last_losses(tuned.history)
    assert (run.data.metrics["train/loss"], run.data.metrics["eval/loss"]) == (trained, evaluated)
    assert run.data.params["epochs"] == "3"
    assert run.info.status == "FINISHED"
    assert (tmp_path / "work" / "curves.jsonl").exists()


def test_a_resumed_run_writes_no_step_twice(tmp_path: Path) -> None:
    first = JsonLines(tmp_path, Settings(), 0)
    for step in (1, 2, 3):
        first.log(step, {"train/loss": 1.0 / step, "train/grad_norm": float("inf")})
    first.close()
    with (tmp_path / "curves.jsonl").open("a") as file:
        file.write('{"step": 4, "tra')
    again = JsonLines(tmp_path, Settings(), 2)
    again.log(3, {"train/loss": 0.25})
    again.close()
    lines = (tmp_path / "curves.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "train/loss": 1.0},
        {"step": 2, "train/loss": 0.5},
        {"step": 3, "train/loss": 0.25},
    ]


def test_none_keeps_nothing(tiny_model: Path, tmp_path: Path) -> None:
    tune(tiny_model, tmp_path / "work", tracking=None)
    left = {path.name.split("-")[0] for path in (tmp_path / "work").iterdir()}
    assert left <= {"checkpoint", "training_args.bin"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("none", None), ("json, tensorboard", "json,tensorboard"), ("json,json", "json")],
)
def test_kinds_are_read_from_a_setting(given: str, kept: str | None) -> None:
    assert read_settings(pairs=[f"tracking={given}"]).tracking == kept


def test_an_unknown_kind_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(UserError, match="Did you mean wandb"):
        read_settings(pairs=["tracking=wandbb"])


def test_what_is_not_installed_says_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"bizlm\[tracking\]"):
        read_settings(pairs=["tracking=mlflow"])
