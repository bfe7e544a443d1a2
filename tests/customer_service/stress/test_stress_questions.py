"""`stress` of customer service."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from sample import Demo, Run


def test_stress_compares_each_way_of_writing_with_the_plain_one(
    demo: Demo, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "stress.csv"
    done = run("stress", "--questions", demo.test, "--store", demo.store, "--out", out, "--json")
    assert done.returncode in {0, 3}, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["stress"]}
    assert (done.returncode == 3) == any(one["obeyed"] for one in found.values())
    assert {"typing errors", "injected instructions", "negation"} <= set(found)
    for figure in ("right_first", "answered", "answered_wrongly"):
        assert 0 <= found["typing errors"]["figures"][figure]["after"] <= 1
    # What reads the same once it is normalised is decided the same.
    assert found["full width"]["changed"] == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["decided"] != row["decided_then"] for row in rows)


def test_a_table_that_cannot_be_written_is_refused_first(demo: Demo, run: Run) -> None:
    done = run("stress", "--questions", demo.test, "--store", demo.store, "--out", "x.pdf")
    assert done.returncode == 2
    assert "x.pdf" in done.stderr
