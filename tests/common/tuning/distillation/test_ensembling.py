"""Several runs become one network: the mean of their weights, or one that their mean teaches."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import WORDS, ToyTask

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.distillation import ensembling
from common.tuning.distillation.distil_cli import check_teacher
from common.tuning.distillation.ensembling import finetune_together, mean_logits, mean_weights
from common.tuning.distillation.teaching import finetune_taught
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings


def _learn(
    model: Path, work: Path, *, resume: bool = False, unlabelled: tuple[str, ...] = (), **more: Any
) -> Tuned[Any]:
    held_out = more.pop("held_out", WORDS[::2])
    fast = {"epochs": 4, "batch_size": 8, "learning_rate": 2e-3, "head_learning_rate": 2e-2}
    settings = Settings(**{**fast, "precision": "fp32", "device": "cpu", "patience": 0, **more})
    load = partial(load_encoder, Source("tiny", model))
    splits = Splits(WORDS, held_out, [])
    return finetune_together(
        ToyTask(),
        load(),
        splits,
        settings,
        None,
        unlabelled,
        load=load,
        work=work,
        resume=resume,
    )


def _loss(tuned: Tuned[Any]) -> float:
    return ToyTask().measure(tuned.predict, WORDS[::2])["loss"]


def test_a_soup_is_no_worse_than_the_best_of_its_runs(
    tiny_model: Path, tmp_path: Path, steps: list[int]
) -> None:
    alone = [_learn(tiny_model, tmp_path / f"{seed}", seed=seed) for seed in range(3)]
    assert len({one.after["loss"] for one in alone}) == 3
    soup = _learn(tiny_model, tmp_path / "soup", seeds=3, ensemble="weights")
    assert soup.after["loss"] <= min(one.after["loss"] for one in alone) + 1e-6
    assert soup.after["loss"] == pytest.approx(_loss(soup))
    assert steps
    steps.clear()
    again = _learn(tiny_model, tmp_path / "soup", seeds=3, ensemble="weights", resume=True)
    assert again.after == pytest.approx(soup.after)
    assert not steps


def test_without_validation_records_all_runs_join(tiny_model: Path, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"held_out": [], "epochs": 1}
    states = [
        _learn(tiny_model, tmp_path / f"{seed}", seed=seed, **chosen).module.state_dict()
        for seed in (0, 1)
    ]
    soup = _learn(tiny_model, tmp_path / "soup", seeds=2, ensemble="weights", **chosen)
    for name, tensor in soup.module.state_dict().items():
        torch.testing.assert_close(tensor, (states[0][name] + states[1][name]) / 2)


def test_the_mean_of_the_runs_teaches_a_last_one(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def watched(*arguments: Any, **options: Any) -> Tuned[Any]:
        if arguments[4] is not None:
            asked.append(tuple(arguments[5]))
        return finetune_taught(*arguments, **options)

    monkeypatch.setattr(ensembling, "finetune_taught", watched)
    chosen: dict[str, Any] = {"seeds": 2, "ensemble": "probabilities"}
    tuned = _learn(tiny_model, tmp_path, unlabelled=("abc", "dcb"), **chosen)
    assert asked == [("abc", "dcb")]
    assert tuned.after["loss"] < tuned.before["loss"]
    assert {path.name for path in tmp_path.iterdir()} == {"seed-0", "seed-1", "student"}


def test_logits_are_those_of_the_mean_probabilities() -> None:
    runs = [{"a_logits": torch.randn(4, 3), "b_logits": torch.randn(4, 2)} for _ in range(3)]
    found = mean_logits(runs, frozenset({"b_logits"}))
    mean = torch.stack([run["a_logits"].softmax(-1) for run in runs]).mean(0)
    torch.testing.assert_close(found["a_logits"].softmax(-1), mean)
    mean = torch.stack([run["b_logits"].sigmoid() for run in runs]).mean(0)
    torch.testing.assert_close(found["b_logits"].sigmoid(), mean)
    assert set(mean_logits([{"embedding": torch.ones(1, 2)}])) == set()


def test_whole_numbers_are_no_weights() -> None:
    runs = [{"w": torch.tensor([n]), "n": torch.tensor(7)} for n in (1.0, 3.0)]
    assert {name: float(one) for name, one in mean_weights(runs).items()} == {"w": 2.0, "n": 7.0}


def test_what_makes_no_sense_is_refused() -> None:
    apart: tuple[dict[str, Any], ...] = (
        {"strategy": "lora", "keep_adapter": True},
        {"strategy": "prefix"},
    )
    for chosen in apart:
        with pytest.raises(UserError, match="stays beside them"):
            Settings(seeds=2, **chosen)
        Settings(seeds=2, ensemble="probabilities", **chosen)
    Settings(seeds=2, strategy="lora")
    with pytest.raises(UserError, match="teach the last one"):
        check_teacher("a release", Settings(seeds=2, ensemble="probabilities"))
    check_teacher("a release", Settings(seeds=2, ensemble="weights"))
    check_teacher(None, Settings(seeds=2, ensemble="probabilities", distillation_weight=0.9))
    with pytest.raises(UserError, match="distillation_weight: it is for --teacher"):
        check_teacher(None, Settings(distillation_weight=0.9))
    with pytest.raises(UserError, match="seeds=1 is one"):
        Settings(ensemble="probabilities")
