from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from command_line import run_here
from news import BAD, FLAT, GOOD
from once import made_once

EXPECTATIONS = """
[lists]
company = ["Borel", "Hobart"]

[[expectation]]
name = "another company"
kind = "invariance"
texts = ["{company} shares plunge after fraud"]

[[expectation]]
name = "plain"
kind = "minimum functionality"
expect = "negative"
texts = ["{company} warns of heavy losses"]
"""


@pytest.fixture(params=databases.KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where nothing is kept yet: a file, and a database in PostgreSQL."""
    if request.param == "sqlite":
        yield tmp_path / "a name with ? and #" / "monitor.sqlite"
        return
    with databases.postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store whose release tells good from bad, its encoder frozen."""
    with made_once(tmp_path_factory, "finance-monitor", _make) as folder:
        yield folder / "var"


@pytest.fixture(scope="module")
def release_of_companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store whose release also tells for whom news is good or bad."""
    with made_once(tmp_path_factory, "finance-companies", _make_companies) as folder:
        yield folder / "var"


def _make_companies(folder: Path) -> None:
    names = ("Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault")
    rows = []
    for number, (one, other) in enumerate(zip(names, names[1:] + names[:1], strict=True)):
        for good, bad, flat in zip(GOOD, BAD, FLAT, strict=True):
            said = {"positive": good, "negative": bad, "neutral": flat}
            pairs = [("positive", "negative"), ("negative", "neutral"), ("neutral", "positive")]
            first, second = pairs[number % 3]
            text = f"{one} {said[first]} while {other} {said[second]}"
            targets = [
                {"entity": one, "sentiment": first},
                {"entity": other, "sentiment": second},
            ]
            rows.append({"text": text, "sentiment": first, "targets": targets})
    lines = [json.dumps(row) for row in rows]
    (folder / "news.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = run_here(
        "finance_monitor", "train", "--news", folder / "news.jsonl", "--set", "strategy=head",
        "--set", "epochs=4", "--set", "learning_rate=5e-3", "--store", folder / "var",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _make(folder: Path) -> None:
    with (folder / "news.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment", "topics"])
        for name in ("Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault"):
            for label, phrases in (("negative", BAD), ("positive", GOOD), ("neutral", FLAT)):
                for phrase in phrases:
                    topic = "credit" if "payment" in phrase or "losses" in phrase else "company"
                    writer.writerow([f"{name} {phrase}", label, topic])
    (folder / "expectations.toml").write_text(EXPECTATIONS, encoding="utf-8")
    done = run_here(
        "finance_monitor", "train", "--news", folder / "news.csv", "--set", "strategy=head",
        "--set", "epochs=6", "--set", "learning_rate=5e-3", "--store", folder / "var",
        "--expectations", folder / "expectations.toml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
