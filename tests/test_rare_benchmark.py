"""`benchmarks.rare` goes on where it stood, and tells what it left."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from benchmarks import rare
from benchmarks.rare import LeftError, Row, Step, measure


def _row(*modules: str, made: str | None = None) -> Row:
    return Row([Step((name, "--help"), made) for name in modules], lambda _, told: {"n": len(told)})


def test_a_row_runs_the_steps_that_are_not_done_yet(tmp_path: Path) -> None:
    folders, until = {"store": str(tmp_path)}, time.monotonic() + 60
    row = _row("json.tool", made="{store}/made")
    assert measure(row, folders, until) == {"n": 1}
    (tmp_path / "made").touch()
    assert measure(row, folders, until) == {"n": 0}


@pytest.mark.parametrize(
    ("module", "seconds", "told"),
    [
        ("benchmarks.nowhere", 60, "there is no benchmarks.nowhere"),
        ("benchmarks", 60, "benchmarks ended with exit code 1"),
        ("json.tool", -1, "the time was over"),
    ],
)
def test_what_cannot_be_measured_says_why(module: str, seconds: float, told: str) -> None:
    with pytest.raises(LeftError, match=told):
        measure(_row(module), {}, time.monotonic() + seconds)


def test_what_was_measured_is_kept_and_the_rest_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rare, "KEPT", tmp_path / "rare.json")
    monkeypatch.setattr(
        rare, "ROWS", {"first": _row("json.tool"), "second": _row("benchmarks.nowhere")}
    )
    monkeypatch.setattr(sys, "argv", ["rare", "--store", str(tmp_path / "store")])
    assert rare.main() == 3
    assert "not measured: there is no benchmarks.nowhere" in capsys.readouterr().out
    kept = json.loads((tmp_path / "rare.json").read_text(encoding="utf-8"))
    assert kept["first"]["figures"] == {"n": 1}
    monkeypatch.setattr(rare, "ROWS", {"first": _row("benchmarks.nowhere")})
    assert rare.main() == 0, "it was measured before"
    kept["second"] = kept["first"]
    (tmp_path / "rare.json").write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(rare, "ROWS", {"first": _row("json.tool"), "second": _row("json.tool")})
    monkeypatch.setattr(rare, "measure", lambda *_: {"n": 2})
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--only", "first", "--anew"])
    assert rare.main() == 0
    kept = json.loads((tmp_path / "rare.json").read_text(encoding="utf-8"))
    assert [kept[name]["figures"]["n"] for name in ("first", "second")] == [2, 1]
