"""The table of techniques: its rows can be run, and its page says what was measured."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.recipe import __main__ as command
from benchmarks.recipe import document, run
from benchmarks.recipe.document import PLAIN, write_document
from benchmarks.recipe.rows import Row, read_rows
from benchmarks.recipe.work import WORKS


def _measured(row: str, seed: int, figure: float) -> dict[str, object]:
    named = {"row": row, "work": "banking77", "seed": seed, "machine": "a machine"}
    return {**named, "figure": figure, "seconds": 10.0, "memory": 1.0, "trained": 0.5}


def test_every_row_has_settings_that_there_are_and_is_beside_plain_tuning() -> None:
    rows = read_rows()
    plain = next(row for row in rows if row.name == PLAIN)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert set(row.works) <= set(WORKS)
        assert set(row.works) <= set(plain.works)


def test_the_page_says_what_helps_and_what_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "DOCS", tmp_path)
    rows = [Row(name, "a family", ["banking77"]) for name in (PLAIN, "good", "bad", "alike")]
    measured = [
        _measured(name, seed, 0.8 + by * 0.01 + seed * 0.02 + wobble * seed)
        for name, by, wobble in ((PLAIN, 0, 0), ("good", 2, 0.001), ("bad", -2, 0.001))
        for seed in range(3)
    ]
    measured += [_measured("alike", seed, 0.8 + seed * 0.03 - 0.01) for seed in range(3)]
    write_document(rows, measured)
    page = (tmp_path / "recipe.md").read_text(encoding="utf-8")
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| a fam")}
    assert "| helps |" in lines["good"]
    assert "| costs quality |" in lines["bad"]
    assert "| no difference shown |" in lines["alike"]
    assert "+2.1 ± 0.2" in lines["good"]
    write_document(rows, [one for one in measured if one["seed"] == 0])
    page = (tmp_path / "recipe.md").read_text(encoding="utf-8")
    assert "| +2.0 | one seed shows nothing |" in page
    assert (tmp_path / "recipe.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_row_that_fails_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "DOCS", tmp_path)
    monkeypatch.setattr(command, "MEASURED", tmp_path / "recipe.jsonl")

    def measured(row: Row, work: str, seed: int, _: Path) -> dict[str, Any]:
        if row.name == "head":
            raise command.RowError("head on banking77: broken")
        return _measured(row.name, seed, 0.8) | {"settings": command._settings(row, work)}

    monkeypatch.setattr(command, "_run", measured)
    rows = ["--row", PLAIN, "--row", "head", "--row", "lora", "--work", "banking77"]
    monkeypatch.setattr(sys, "argv", ["recipe", *rows, "--seeds", "2", "--processes", "1"])
    with pytest.raises(SystemExit, match="head on banking77: broken") as ended:
        command.main()
    assert "2 runs failed; all others are kept" in str(ended.value)
    kept = [json.loads(line) for line in (tmp_path / "recipe.jsonl").read_text().splitlines()]
    assert sorted((one["row"], one["seed"]) for one in kept) == [
        (PLAIN, 0), (PLAIN, 1), ("lora", 0), ("lora", 1)
    ]  # fmt: skip
    assert "`lora`" in (tmp_path / "recipe.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "method"),
    [({}, None), ({"seeds": 2}, None), ({}, "simcse")],
    ids=["plain", "seeds", "simcse"],
)
def test_a_row_is_measured(
    settings: dict[str, Any], method: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [(f"{word} {n}", word) for word in ("card", "loan", "cash") for n in range(8)]
    tiny = replace(
        WORKS["banking77"], backbone=str(tiny_model), read=lambda _: texts, shots=2, held_out=9
    )
    monkeypatch.setitem(run.WORKS, "banking77", tiny)
    drawn = tiny.draw(Path(), 0)
    assert (len(drawn.learned), len(drawn.held_out), len(drawn.unlabelled)) == (6, 9, 9)
    found = run.measure("banking77", 0, Path(), {"epochs": 1, "device": "cpu", **settings}, method)
    assert 0 <= found["figure"] <= 1
    assert found["trained"] == 1
