"""The sample texts about several companies, and the written year, are what their README says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from command_line import ROOT

from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.stories.text import prepare
from common.records.reader import read_records

SAMPLES = ROOT / "data_samples" / "finance_monitor"
YEAR = ("year.jsonl", "year_calendar.jsonl")


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def listed() -> EntityList:
    names = ("entities.csv", "targets_companies.csv")
    return EntityList([one for name in names for one in read_records(SAMPLES / name, Entity)])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_targets_are_many_and_of_every_sentiment(language: str) -> None:
    learned, asked = _rows(f"targets.{language}.jsonl"), _rows(f"targets_test.{language}.jsonl")
    texts = [row["text"] for row in (*learned, *asked)]
    assert len({*texts}) == len(texts)
    for rows, least in ((learned, 400), (asked, 100)):
        shares = Counter(target["sentiment"] for row in rows for target in row["targets"])
        assert shares.total() >= least
        assert min(shares.values()) > 0.25 * shares.total()
    assert all(
        mention in row["text"]
        for row in (*learned, *asked)
        for target in row["targets"]
        for mention in target.get("mentions", [target["entity"]])
    )


def test_companies_are_found_and_namesakes_are_not(listed: EntityList) -> None:
    right = found = wanted = 0
    names = [
        f"{part}.{language}" for part in ("targets", "targets_test") for language in ("en", "zh")
    ]
    for name in (*names, "namesakes"):
        for row in _rows(f"{name}.jsonl"):
            named = row.get("entities")
            true = {one["entity"] for one in row["targets"]} if named is None else {*named}
            got = {*listed.find(prepare(row["text"]))}
            right, found, wanted = right + len(true & got), found + len(got), wanted + len(true)
    assert 2 * right / (found + wanted) > 0.99


def test_the_year_is_what_its_script_writes(tmp_path: Any) -> None:
    for path in (*SAMPLES.glob("*.jsonl"), SAMPLES / "assemble_year.py"):
        if path.name not in YEAR:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "assemble_year.py")], check=True)
    for name in YEAR:
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()
    kinds = Counter(row["kind"] for row in _rows("year_calendar.jsonl"))
    assert kinds == {"surge": 12, "quiet": 2}
