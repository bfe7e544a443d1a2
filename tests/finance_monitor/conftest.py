from __future__ import annotations

import csv
from pathlib import Path

import pytest
from command_line import run_here
from news import BAD, FLAT, GOOD
from once import made_once


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose release tells good from bad, its encoder frozen."""
    return made_once(tmp_path_factory, "finance-monitor", _make) / "var"


def _make(folder: Path) -> None:
    with (folder / "news.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment", "topics"])
        for name in ("Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault"):
            for label, phrases in (("negative", BAD), ("positive", GOOD), ("neutral", FLAT)):
                for phrase in phrases:
                    topic = "credit" if "payment" in phrase or "losses" in phrase else "company"
                    writer.writerow([f"{name} {phrase}", label, topic])
    done = run_here(
        "finance_monitor", "train", "--news", folder / "news.csv", "--set", "strategy=head",
        "--set", "epochs=6", "--set", "learning_rate=5e-3", "--store", folder / "var",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
