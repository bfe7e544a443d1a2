"""The sample data are what their README says, and anyone can make the same again."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apps.recommender.schema import BEHAVIORS, Item
from common.records.text import fold, language_of

SAMPLES = Path(__file__).parents[2] / "data_samples" / "recommender"
MADE = ("users.csv", "interactions.csv", "impressions.csv")


def _table(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def items() -> dict[str, dict[str, Any]]:
    lines = (SAMPLES / "items.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["item_id"] for row in rows}) == len(rows) == 400
    return {row["item_id"]: row for row in rows}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return _table("interactions.csv") + _table("impressions.csv")


def test_the_readers_are_what_the_script_makes(tmp_path: Path) -> None:
    for name in ("items.jsonl", "population.py", "simulate_readers.py"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "simulate_readers.py")], check=True)
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_half_the_items_are_in_each_language_and_no_text_stands_twice(
    items: dict[str, dict[str, Any]],
) -> None:
    records = [Item.model_validate(row) for row in items.values()]
    assert all(item.description and item.tags and item.created_at for item in records)
    for text in ("title", "description", "content"):
        assert len({fold(getattr(item, text)) for item in records}) == len(records)
    assert all(item.language == language_of(item.content) for item in records)
    assert Counter(item.language for item in records) == {"en": 200, "zh": 200}
    assert 0 < sum(not item.available for item in records) < 20


def test_news_is_free_and_only_available_books_are_bought(
    items: dict[str, dict[str, Any]], rows: list[dict[str, str]]
) -> None:
    for item in items.values():
        assert (item["price"] == 0) == (item["category"] in {"news", "longread"})
    bought = [row for row in rows if row["behavior"] == "purchase"]
    assert all(items[row["item_id"]]["price"] > 0 for row in bought)
    assert all(items[row["item_id"]]["available"] for row in bought)
    assert len({(row["user_id"], row["item_id"]) for row in bought}) == len(bought)


def test_nothing_happens_before_its_item_or_its_user_is_there(
    items: dict[str, dict[str, Any]], rows: list[dict[str, str]]
) -> None:
    joined = {row["user_id"]: row["member_since"] for row in _table("users.csv")}
    for row in rows:
        time = datetime.fromisoformat(row["timestamp"])
        assert time.tzinfo is not None
        assert time > datetime.fromisoformat(items[row["item_id"]]["created_at"])
        assert time > datetime.fromisoformat(joined[row["user_id"]])


def test_every_user_acts_and_a_few_act_most(rows: list[dict[str, str]]) -> None:
    done = _table("interactions.csv")
    assert 12_000 < len(done) < 18_000
    assert {row["behavior"] for row in done} == set(BEHAVIORS)
    counts = sorted(Counter(row["user_id"] for row in done).values())
    assert len(counts) == 300
    assert counts[5] <= 3
    assert counts[-1] >= 200
    keys = ("user_id", "item_id", "behavior", "timestamp")
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows)


def test_an_impression_is_whole_over_both_files(rows: list[dict[str, str]]) -> None:
    shown: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["impression_id"]:
            shown.setdefault(row["impression_id"], []).append(row)
    assert len(shown) > 1000
    for together in shown.values():
        assert sorted(row["position"] for row in together) == list("123456")
        assert len({(row["user_id"], row["timestamp"]) for row in together}) == 1
    assert {row["label"] for row in _table("impressions.csv")} == {"0"}
    assert {row["label"] for row in _table("interactions.csv")} == {"1", ""}


def test_some_items_are_too_new_to_have_been_seen(
    items: dict[str, dict[str, Any]], rows: list[dict[str, str]]
) -> None:
    unseen = items.keys() - {row["item_id"] for row in rows}
    assert unseen
    assert all(items[item_id]["created_at"] > "2026-06-20" for item_id in unseen)
