from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy import WORDS, ToyTask, run_apart, tune

from common.console import say_once
from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.settings import Settings


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strategy": "top-layers:1"},
        {"strategy": "lora", "learning_rate": 1e-2},
        {"strategy": "head", "head_learning_rate": 1e-1},
        {"optimizer": "sgd", "learning_rate": 1e-1, "head_learning_rate": None},
        {"optimizer": "adafactor"},
        {"adversarial": 0.1},
        {"adversarial": 0.1, "adversarial_steps": 3},
        {"r_drop": 1.0, "averaging": "ema", "averaging_decay": 0.9},
        {"strategy": "lora", "learning_rate": 1e-2, "averaging": "swa"},
        {"strategy": "lora", "learning_rate": 1e-2, "averaging": "soup"},
        {"layer_decay": 0.5, "schedule": "cosine", "accumulation": 2, "group_by_length": False},
    ],
    ids=str,
)
def test_every_way_of_tuning_lowers_the_loss(
    tiny_model: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    tuned = tune(tiny_model, tmp_path / "work", epochs=8, **settings)
    assert tuned.after["loss"] < 0.95 * tuned.before["loss"]


def test_what_is_frozen_does_not_move(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "work", strategy="top-layers:1")
    pretrained = load_encoder(Source("tiny", tiny_model)).network.state_dict()
    for name, tensor in tuned.module.pooled.encoder.state_dict().items():
        moved = not torch.equal(tensor, pretrained[name])
        assert moved == name.startswith("encoder.layer.1."), name


def test_early_stopping_restores_the_best_epoch(tiny_model: Path, tmp_path: Path) -> None:
    # Rates this high ruin the model after its first epoch.
    rates = {"learning_rate": 0.1, "head_learning_rate": 1.0, "schedule": "constant_with_warmup"}
    ruinous = {**rates, "optimizer": "sgd", "gradient_clipping": 0}
    tuned = tune(tiny_model, tmp_path / "work", epochs=12, patience=2, **ruinous)
    losses = [entry["eval_loss"] for entry in tuned.history if "eval_loss" in entry]
    assert tuned.after["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert len(losses) < 12
    assert losses[-1] > min(losses)


def test_evaluations_go_by_steps_and_by_epochs(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "work", epochs=2, evaluate_every=2, patience=0)
    steps = [int(entry["step"]) for entry in tuned.history if "eval_loss" in entry]
    losses = [entry["eval_loss"] for entry in tuned.history if "eval_loss" in entry]
    last = max(int(entry["step"]) for entry in tuned.history)
    an_epoch = last // 2
    assert steps == sorted({*range(2, last + 1, 2), an_epoch, last})
    assert tuned.after["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_patience_counts_evaluations_by_steps(tiny_model: Path, tmp_path: Path) -> None:
    rates = {"learning_rate": 0.1, "head_learning_rate": 1.0, "schedule": "constant_with_warmup"}
    ruinous = {**rates, "optimizer": "sgd", "gradient_clipping": 0, "evaluate_every": 1}
    tuned = tune(tiny_model, tmp_path / "work", epochs=12, patience=2, **ruinous)
    measured = [(int(e["step"]), e["eval_loss"]) for e in tuned.history if "eval_loss" in e]
    best = min(measured, key=lambda one: one[1])
    assert [step for step, _ in measured] == [*range(1, best[0] + 3)]
    assert best[0] + 2 < 12 * 3
    assert tuned.after["loss"] == pytest.approx(best[1], rel=1e-5)


def test_another_figure_may_be_watched(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "work", epochs=2, monitor="accuracy")
    assert tuned.monitor.name == "accuracy"
    with pytest.raises(UserError, match=r"no figure 'f1'\n.*loss, accuracy"):
        tune(tiny_model, tmp_path / "work", monitor="f1")


def test_the_same_seed_gives_the_same_figures(tiny_model: Path, tmp_path: Path) -> None:
    first, second = (tune(tiny_model, tmp_path / name, seed=3) for name in "ab")
    other = tune(tiny_model, tmp_path / "c", seed=4)
    assert first.after == second.after
    assert first.after != other.after


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("averaging=ema", "averaging_decay=0.9", "typing_errors=0.5"),
        ("averaging=swa", "averaging_start=0.4"),
        ("averaging=soup", "r_drop=1"),
    ],
    ids=str,
)
def test_a_killed_run_resumes_to_the_same_weights(
    tiny_model: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    whole = run_apart(tiny_model, tmp_path / "whole", *more)
    run_apart(tiny_model, tmp_path / "killed", "die_after=1", *more)
    # As if it had died once more, in the middle of writing.
    half = tmp_path / "killed" / "checkpoint-999"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    resumed = run_apart(tiny_model, tmp_path / "killed", "--resume", *more)
    assert resumed["after"] == pytest.approx(whole["after"], rel=1e-6)
    for name, values in whole["weights"].items():
        assert resumed["weights"][name] == pytest.approx(values, rel=1e-5, abs=1e-7), name


def test_two_processes_learn_what_one_does(tiny_model: Path, tmp_path: Path) -> None:
    same = (
        "group_by_length=false",
        "dropout=0.0",
        "gradient_clipping=0",
        "optimizer=sgd",
        "warmup=0",
        "typing_errors=0.5",
    )
    one = run_apart(tiny_model, tmp_path / "one", "batch_size=8", *same)
    two = run_apart(tiny_model, tmp_path / "two", "batch_size=4", *same, ranks=2)
    assert two["after"] == pytest.approx(one["after"], rel=1e-3)


def test_half_precision_that_a_cpu_cannot_train_in_is_told(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="a CPU cannot train in fp16"):
        tune(tiny_model, tmp_path / "work", device="cpu", precision="fp16")


def test_curves_are_written_for_tensorboard(tiny_model: Path, tmp_path: Path) -> None:
    tune(tiny_model, tmp_path / "work")
    assert list((tmp_path / "work" / "tensorboard").rglob("events.*"))


@pytest.mark.parametrize("strategy", ["prompt", "prefix"])
def test_a_small_encoder_says_what_is_known_of_prompts(
    strategy: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say_once.cache_clear()
    for seed in range(2):
        tune(tiny_model, tmp_path / "work", epochs=1, strategy=strategy, seed=seed)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(f"strategy={strategy} on an encoder of") == 1
    assert "learns slowly" in said


def test_without_validation_records_nothing_is_chosen_among_evaluations(
    tiny_model: Path, tmp_path: Path
) -> None:
    def alone(**chosen: object) -> None:
        settings = Settings(epochs=1, device="cpu", precision="fp32", tracking=None, **chosen)
        encoder = load_encoder(Source("tiny", tiny_model))
        finetune(ToyTask(), encoder, Splits(WORDS, [], []), settings, work=tmp_path / "work")

    alone()
    for chosen in ({"averaging": "soup"}, {"monitor": "accuracy"}, {"evaluate_every": 3}):
        with pytest.raises(UserError, match="there are no validation records"):
            alone(**chosen)


def test_a_further_stage_learns_in_the_same_precision(tiny_model: Path, tmp_path: Path) -> None:
    settings = Settings(epochs=1, device="cpu", precision="bf16", tracking=None)
    encoder, splits = load_encoder(Source("tiny", tiny_model)), Splits(WORDS, [], [])
    halved: list[bool] = []

    def watch(network: torch.nn.Module, _: object) -> None:
        if network.training:
            halved.append(torch.is_autocast_enabled("cpu"))

    encoder.network.register_forward_pre_hook(watch)
    tuned = finetune(ToyTask(), encoder, splits, settings, work=tmp_path / "first")
    steps = len(halved)
    finetune(ToyTask(), encoder, splits, settings, work=tmp_path / "further", module=tuned.module)
    assert len(halved) == 2 * steps > 0
    assert all(halved)
