"""`stress` of the monitor."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from command_line import run_here
from news import BAD, GOOD


def test_stress_says_what_each_way_of_writing_changes(release: Path, tmp_path: Path) -> None:
    news = tmp_path / "news.csv"
    with news.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment"])
        for label, phrases in (("negative", BAD), ("positive", GOOD)):
            writer.writerows([f"Hartmann {phrase}", label] for phrase in phrases)
    done = run_here("finance_monitor", "stress", "--news", news, "--store", release, "--json")
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["stress"]}
    assert found["full width"]["changed"] == 0
    assert found["typing errors"]["records"] == len(BAD) + len(GOOD)
    assert "traditional script" not in found
    right = found["politeness"]["figures"]["sentiment_right"]
    assert right["low"] <= right["after"] - right["before"] <= right["high"]
