from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store whose release tells good from bad, its encoder frozen."""
    with made_once(tmp_path_factory, "finance-monitor", _make) as folder:
        yield folder / "var"


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
