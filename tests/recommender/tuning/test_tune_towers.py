from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from trained_shop import QUICK, succeed

from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.options_cli import DEFAULTS, FileOptions
from apps.recommender.retrieval.towers import TowerSizes
from apps.recommender.train import trials
from common.tuning.configuration import read_settings


def test_tune_measures_the_towers(
    data: tuple[object, ...], tiny_model: Path, tmp_path: Path
) -> None:
    done = succeed(
        "tune", *data, *QUICK, "--backbone", tiny_model, "--store", tmp_path / "var",
        "--search", "head_learning_rate=1e-4..1e-2,log", "--trials", 2, "--json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["monitor"] == "ndcg_at_10"
    assert found["figure"] >= found["default_figure"] > 0


def test_what_came_after_the_cutoff_is_no_part_of_a_trial(
    data: Any, tiny_model: Path, tmp_path: Path
) -> None:
    dataset = FileOptions([data[1], data[3]], [data[5]], data[7]).read(tmp_path)
    timeline = split_in_time(dataset.events, dataset.catalogue)
    future: Any = None
    known = replace(timeline, calibration=future, test=future)
    prepare = trials(dataset, known, str(tiny_model), TowerSizes(), tmp_path)
    prepared = prepare(read_settings(defaults=DEFAULTS, device="cpu"))
    assert prepared.splits.train
    assert prepared.splits.validation
    assert not prepared.splits.test
