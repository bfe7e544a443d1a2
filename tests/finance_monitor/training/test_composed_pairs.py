"""Pairs composed from a grammar: the signs multiply, and nothing that is measured is learned."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from apps.finance_monitor.cli import SAMPLES

GRAMMAR = {
    "language": "en",
    "plain": {"company": ["Alba"]},
    "neutral": {"moves": ["is unchanged"]},
    "signed": {"amount": [["profit", "debt"]], "moves": [["rises", "falls"]]},
    "frames": [{"pattern": "moves", "texts": ["{amount} at {company} {moves}"]}],
}
SENTIMENTS = {
    "Profit at Alba rises": "positive",
    "Profit at Alba falls": "negative",
    "Debt at Alba rises": "negative",
    "Debt at Alba falls": "positive",
    "Profit at Alba is unchanged": "neutral",
    "Debt at Alba is unchanged": "neutral",
}


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compose_pairs", SAMPLES / "compose_pairs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _texts(*names: str) -> set[str]:
    return {one["text"] for name in names for row in _rows(name) for one in row["texts"]}


@pytest.mark.parametrize("seed", range(20))
def test_the_sentiment_is_the_product_of_the_signs(seed: int) -> None:
    (row,) = _script().compose(GRAMMAR, 1, seed=seed)
    first, second = row["texts"]
    assert SENTIMENTS[first["text"]] == first["sentiment"]
    assert SENTIMENTS[second["text"]] == second["sentiment"]
    assert first["sentiment"] != second["sentiment"]


def test_the_composed_pairs_are_what_the_script_writes(tmp_path: Path) -> None:
    for path in (*SAMPLES.glob("grammar.*.toml"), SAMPLES / "compose_pairs.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "compose_pairs.py")], check=True)
    written = sorted(tmp_path.glob("pairs_composed.*"))
    assert [path.name for path in written] == [f"pairs_composed.{it}.jsonl" for it in ("en", "zh")]
    for path in written:
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_that_is_measured_was_composed(language: str) -> None:
    composed = _rows(f"pairs_composed.{language}.jsonl")
    texts = _texts(f"pairs_composed.{language}.jsonl")
    assert len(texts) == 2 * len(composed) >= 1000
    assert {row["part"] for row in composed} == {"train"}
    measured = [row for row in _rows(f"pairs.{language}.jsonl") if row["part"] == "test"]
    assert not {row["pattern"] for row in composed} & {row["pattern"] for row in measured}
    held = {row["text"] for row in _rows(f"test.{language}.jsonl") + _rows("feed.jsonl")}
    assert not texts & (held | _texts(f"pairs.{language}.jsonl"))
