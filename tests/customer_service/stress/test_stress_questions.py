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


def test_expectations_of_answers_are_told(demo: Demo, run: Run, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(
        """
        [lists]
        name = ["John", "Fatima"]

        [[expectation]]
        name = "a lost card"
        kind = "minimum functionality"
        expect = "en-card-lost"
        texts = ["What should I do if my card is lost or stolen?"]

        [[expectation]]
        name = "another thing"
        kind = "direction"
        moves = "other"
        texts = [["How do I activate my new card?", "My card is lost or stolen, {name}"]]

        [[expectation]]
        name = "another name"
        kind = "invariance"
        of = "decision"
        texts = ["What should I do if my card is lost or stolen? {name}"]
        """,
        encoding="utf-8",
    )
    stress = ("stress", "--expectations", wanted, "--store", demo.store)
    done = run(*stress, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["expectations"]["kinds"]
    assert found["minimum functionality"] == {"cases": 1, "failed": 0}
    assert found["direction"] == {"cases": 2, "failed": 0}
    assert found["invariance"]["cases"] == 1
    wanted.write_text(wanted.read_text(encoding="utf-8").replace("en-card-lost", "en-card-last"))
    done = run(*stress)
    assert done.returncode == 2
    assert "Did you mean en-card-lost?" in done.stderr
