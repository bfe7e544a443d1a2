from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from processes import Process
from processes import run as run_python
from sample import Demo, Run

SETTINGS = ["--set", "epochs=2", "--set", "learning_rate=1e-3", "--max-wrong", "0.2"]


def _train(
    run: Run, few: Demo, model: Path, store: Path, *more: str
) -> dict[str, dict[str, float]]:
    done = run(
        "train", "--faqs", few.faqs, "--questions", few.questions, "--test", few.test,
        "--backbone", model, *SETTINGS, *more, "--store", store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained: dict[str, dict[str, float]] = json.loads(done.stdout)
    return trained


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "head", "top-layers:1", "lora"])
def test_every_strategy_answers_the_same_in_a_fresh_process(
    strategy: str, run: Run, run_afresh: Run, few: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    trained = _train(run, few, tiny_model, tmp_path, "--set", f"strategy={strategy}")
    done = run_afresh("evaluate", "--questions", few.test, "--store", tmp_path, "--json")
    measured = json.loads(done.stdout)["figures"]["all"]
    for name, value in trained["after"].items():
        assert measured[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.slow
def test_a_run_killed_in_the_middle_goes_on_to_the_same_figures(
    run: Run, few: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    longer = ("--set", "epochs=6", "--set", "pretrained_share=0.5")
    undisturbed = _train(run, few, tiny_model, tmp_path / "whole", *longer)
    store = tmp_path / "killed"
    process = Process(
        "-m", "apps.customer_service", "train",
        "--faqs", few.faqs, "--questions", few.questions, "--test", few.test,
        "--backbone", tiny_model, *SETTINGS, *longer, "--store", store,
    )  # fmt: skip
    while process.poll() is None and not list(store.rglob("checkpoint-*/trainer_state.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = _train(run, few, tiny_model, store, *longer, "--resume")
    assert resumed["before"] == undisturbed["before"]
    assert resumed["after"] == pytest.approx(undisturbed["after"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_make_one_release(
    few: Demo, tiny_model: Path, tmp_path: Path, sharded: bool
) -> None:
    done = run_python(
        "-m", "apps.customer_service", "train", "--faqs", few.faqs, "--questions", few.questions,
        "--backbone", tiny_model, *SETTINGS, "--device", "cpu", "--store", tmp_path, "--json",
        "--set", f"sharded={sharded}", "--set", "pretrained_share=0.5", "--precision", "fp32",
        ranks=2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    releases = list((tmp_path / "customer_service" / "releases").iterdir())
    assert [release.name for release in releases] == [json.loads(done.stdout)["release_id"]]
