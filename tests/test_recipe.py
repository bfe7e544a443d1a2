"""The table of techniques: its rows can be run, and its page says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.recipe import document
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
    assert "+2.1 ± 0.1" in lines["good"]
    write_document(rows, [one for one in measured if one["seed"] == 0])
    page = (tmp_path / "recipe.md").read_text(encoding="utf-8")
    assert "| +2.0 | one seed shows nothing |" in page
    assert (tmp_path / "recipe.svg").read_text(encoding="utf-8").startswith("<svg")
