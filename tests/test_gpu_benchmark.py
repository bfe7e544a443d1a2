"""The benchmark of a card: it runs to its end without one, and tells what failed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from processes import run

from benchmarks.gpu import running
from benchmarks.gpu.apart import context
from benchmarks.gpu.bench import SMOKE, Bench
from benchmarks.gpu.row import Row, claim


@pytest.mark.slow
def test_a_smoke_run_measures_every_part(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = run("-m", "benchmarks.gpu", "--smoke", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads(out.read_text(encoding="utf-8"))
    rows = written["rows"]
    found = {(row["part"], row["what"]): row for row in rows}
    assert {row["part"] for row in rows} == {
        "models", "card", "agreement", "encoding", "training", "search", "generation",
    }  # fmt: skip
    for part, what in (
        ("agreement", "killed and resumed, the same weights"),
        ("agreement", "trained twice, the same weights"),
        ("search", "the scores are those of the whole matrix in float32"),
    ):
        assert found[part, what]["value"] is True
    assert "quality is not measured" in found["models", "minilm"]["note"]
    beside = [row for row in rows if "ratio" in row]
    assert {row["peer"] for row in beside} >= {"plain Trainer", "sentence-transformers"}
    assert all(row["ratio"] > 0 for row in beside)
    assert written["failed"] == 0


def test_a_process_that_touched_a_card_is_not_copied() -> None:
    assert context(["/dev/null", "/dev/nvidia-uvm"]).get_start_method() == "spawn"
    assert context(["/dev/null", "/dev/nvidiactl"]).get_start_method() == "fork"
    assert context().get_start_method() == "fork"


def test_a_row_says_what_it_is_beside() -> None:
    row = Row("encoding", 300.0, "texts/s", "plain", 150.0)
    assert row.cells() == ("encoding", "300 texts/s", "plain: 150", "2.00", "")
    assert row.to_json()["ratio"] == 2
    assert claim("equal", holds=False).failed
    assert claim("equal", holds=False).cells()[1] == "FAILED"


def _broken(bench: Bench) -> Iterator[Row]:
    yield Row("first", 1.0)
    raise ValueError("no such kernel")


def _endless(bench: Bench) -> Iterator[Row]:
    yield Row("second", 2.0)
    sleep(600)


def _killed(bench: Bench) -> Iterator[Row]:
    yield Row("third", 3.0)
    os.kill(os.getpid(), signal.SIGKILL)


def _late(bench: Bench) -> Iterator[Row]:
    yield Row("fourth", 4.0)
    raise TimeoutError


@pytest.mark.parametrize(
    ("part", "said", "is_failure"),
    [
        (_broken, "failed", True),
        (_endless, "stopped", False),
        (_killed, "failed", True),
        (_late, "stopped", False),
    ],
)
def test_a_part_that_ends_badly_leaves_what_it_had_and_the_rest_goes_on(
    part: Callable[[Bench], Iterator[Row]],
    said: str,
    is_failure: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "PARTS", {"bad": part, "good": _late})
    bench = Bench(tmp_path, tmp_path, SMOKE, is_smoke=True, until=monotonic() + 40)
    monkeypatch.setattr(running, "GRACE", 0.1)
    # A tenth of the time is long enough to begin, and not worth waiting for.
    found = [*running.run_parts(bench, {"bad": 1, "good": 9})]
    assert [name for name, _ in found] == ["bad", "bad", "good", "good"]
    rows = [row for _, row in found]
    assert [rows[1].what, rows[2].what, rows[3].what] == [said, "fourth", "stopped"]
    assert rows[1].failed == is_failure
