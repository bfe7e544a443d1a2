"""The sample data are what their README says, and a release tuned on them finds both surges."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, run_here

SAMPLES = ROOT / "data_samples" / "finance_monitor"
TOPICS = {
    "earnings", "deals", "regulation", "credit", "macro", "products", "management", "markets",
}  # fmt: skip


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_are_complete_and_no_text_stands_twice(language: str) -> None:
    rows = _rows(f"news.{language}.jsonl") + _rows(f"test.{language}.jsonl")
    assert len({row["text"] for row in rows}) == len(rows) > 300
    assert {topic for row in rows for topic in row["topics"]} == TOPICS
    shares = Counter(row["sentiment"] for row in rows)
    assert min(shares.values()) > 0.2 * len(rows)
    names = {line.split(",")[0] for line in (SAMPLES / "entities.csv").read_text().splitlines()}
    targets = [target for row in rows for target in row.get("targets", [])]
    assert len(targets) > 20
    assert {target["entity"] for target in targets} <= names


@pytest.mark.parametrize("language", ["en", "zh"])
def test_posts_are_labelled_and_are_no_news_again(language: str) -> None:
    rows, news = _rows(f"posts.{language}.jsonl"), _rows(f"news.{language}.jsonl")
    texts = {row["text"] for row in rows}
    assert len(texts) == len(rows) and not texts & {row["text"] for row in news}
    assert {topic for row in rows for topic in row["topics"]} == TOPICS
    shares = Counter(row["sentiment"] for row in rows)
    assert shares["neutral"] > len(rows) / 2 and min(shares.values()) > len(rows) / 10
    assert all(row["language"] == language for row in rows)


def test_pairs_have_two_sentiments_and_no_pattern_is_both_learned_and_measured() -> None:
    rows = _rows("pairs.en.jsonl") + _rows("pairs.zh.jsonl")
    assert len(rows) >= 600
    assert len({row["id"] for row in rows}) == len(rows)
    texts = [one["text"] for row in rows for one in row["texts"]]
    assert len({*texts}) == 2 * len(rows)
    others = [f"{name}.{language}.jsonl" for name in ("news", "test") for language in ("en", "zh")]
    elsewhere = {row["text"] for name in (*others, "feed.jsonl") for row in _rows(name)}
    assert not elsewhere & {*texts}
    parts: dict[str, set[str]] = {"train": set(), "test": set()}
    for row in rows:
        parts[row["part"]].add(row["pattern"])
    assert not parts["train"] & parts["test"]
    assert len(parts["train"]) > len(parts["test"]) >= 20
    kinds = Counter(tuple(one["sentiment"] for one in row["texts"]) for row in rows)
    assert min(kinds["positive", "negative"], kinds["negative", "positive"]) > 0.3 * len(rows)
    assert sum(many for kind, many in kinds.items() if "neutral" in kind) >= 40


def test_no_story_of_the_feed_was_learned() -> None:
    learned = {row["text"] for part in ("en", "zh") for row in _rows(f"news.{part}.jsonl")}
    assert not learned & {row["text"] for row in _rows("feed.jsonl")}


def test_the_feed_is_what_its_script_writes(tmp_path: Path) -> None:
    for name in ("stories.jsonl", "assemble_feed.py"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "assemble_feed.py")], check=True)
    for name in ("feed.jsonl", "events.jsonl"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


@pytest.mark.slow
def test_a_backtest_finds_both_surges_and_no_third(tmp_path: Path) -> None:
    store = tmp_path / "var"
    news = [
        part
        for name in ("news", "pairs")
        for language in ("en", "zh")
        for part in (f"--{name}", SAMPLES / f"{name}.{language}.jsonl")
    ]
    done = run_here(
        "finance_monitor",
        "train", *news, "--set", "strategy=head", "--set", "epochs=8",
        "--set", "learning_rate=5e-3", "--store", store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scored = tmp_path / "scored.jsonl"
    done = run_here(
        "finance_monitor", "score", SAMPLES / "feed.jsonl", "-o", scored, "--store", store
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in scored.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(_rows("feed.jsonl"))
    done = run_here(
        "finance_monitor",
        "backtest", scored, "--scored", "--events", SAMPLES / "events.jsonl",
        "--entities", SAMPLES / "entities.csv", "--store", store, "--budget", "1 per 7d", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    by_name = {event["name"]: event for event in found["events"]}
    for name in ("northgate-outage", "dongli-default"):
        assert by_name[name]["alert_id"]
        assert by_name[name]["delay_hours"] < 4
    for name in ("orion-developer-day", "meridian-decline"):
        assert by_name[name]["alert_id"] is None
    assert found["told"] == 2
    assert found["false_alarms"] == []
    assert found["sweep"][0]["budget"] == "1 per 7d"
    assert (store / "finance_monitor" / "backtest.html").read_text().count("<svg") >= 2
