"""A headline that says the opposite of another is read itself, and counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from news import at, quiet_then_surge, story
from processes import ROOT

from apps.finance_monitor.alerts.notifications import in_words
from apps.finance_monitor.alerts.operations import cases
from apps.finance_monitor.brief.day import Day, brief_of
from apps.finance_monitor.brief.page import to_html
from apps.finance_monitor.feeds.feed import Batch
from apps.finance_monitor.rules.schema import StoryRule, StoryRules
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.copies import COPY_FROM, signature_of
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules

SAMPLES = ROOT / "data_samples" / "finance_monitor"
RULES = Rules(parse_budget("1 per 30d"))
LOST = "Alba loses its largest customer after talks over new prices end on Tuesday"
KEPT = "Alba keeps its largest customer after talks over new prices end on Tuesday"


class _Reader:
    """Reads every text as it is labelled, and remembers what it was asked."""

    release_id = "r1"
    baseline: Mapping[str, float] = {}
    rules: Any = None

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self.read: list[str] = []

    def score(self, records: Sequence[FeedRecord], named: object) -> list[ScoredRecord]:
        self.read += [one.content for one in records]
        return [_story(one.id, 0, one.content, self._labels) for one in records]

    def negative_words(self, text: str) -> list[str]:
        return []


def _story(identity: str, hours: float, text: str, labels: Mapping[str, str]) -> ScoredRecord:
    return story(identity, hours, labels[text], topics=(), text=text)


def _record(identity: str, text: str, hours: float = 0) -> FeedRecord:
    return FeedRecord(id=identity, published_at=at(hours), text=text)


def _watch(store: Store, reader: _Reader) -> Watch:
    return Watch(store, RULES, cast(Classifier, reader))


def _feed(watch: Watch, records: Sequence[FeedRecord], size: int = 32) -> None:
    for start in range(0, len(records), size):
        watch.commit(watch.process(Batch(list(records[start : start + size]), [], None)))


def _pairs(language: str) -> list[list[dict[str, Any]]]:
    lines = (SAMPLES / f"pairs.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["texts"] for line in lines]


def _are_alike(pair: Sequence[Mapping[str, str]]) -> bool:
    first, second = (signature_of(one["text"]) for one in pair)
    if first is None or second is None:
        return False
    return bool(np.mean(first == second) >= COPY_FROM)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_opposites_of_the_sample_data_keep_their_own_sentiment(language: str) -> None:
    alike = [pair for pair in _pairs(language) if _are_alike(pair)]
    assert len(alike) > 80
    labels = {one["text"]: one["sentiment"] for pair in alike for one in pair}
    store, reader = Store(None), _Reader(labels)
    records = [_record(str(number), text) for number, text in enumerate(labels)]
    _feed(_watch(store, reader), records)
    read = {one.content: one for one, _ in store.all_stories()}
    assert {text: one.sentiment.label for text, one in read.items()} == labels
    opposites = [[read[one["text"]] for one in pair] for pair in alike]
    assert not [a.id for a, b in opposites if b.duplicate_of == a.id]


def test_the_same_text_is_read_once_also_after_a_restart(tmp_path: Path) -> None:
    labels = {LOST: "negative", f"{LOST} - update": "negative"}
    path, reader = tmp_path / "monitor.sqlite", _Reader(labels)
    for run in range(2):
        store = Store(path)
        records = [_record(f"{run}-{n}-{m}", text) for n, text in enumerate(labels) for m in (1, 2)]
        _feed(_watch(store, reader), records, size=3)
        store.close()
    assert sorted(reader.read) == sorted(labels)
    store = Store(path)
    found = {one.id: one.duplicate_of for one, _ in store.all_stories()}
    assert found.pop("0-0-1") is None
    assert set(found.values()) == {"0-0-1"}
    assert store.story("1-1-2").sentiment.label == "negative"  # type: ignore[union-attr]
    store.close()


def test_a_line_that_comes_every_day_is_read_again_after_two_days() -> None:
    store, reader = Store(None), _Reader({LOST: "negative"})
    records = [_record(str(day), LOST, 24 * day) for day in range(5)]
    _feed(_watch(store, reader), records, size=1)
    assert reader.read == [LOST, LOST]


def test_another_release_or_other_rules_read_the_same_text_anew() -> None:
    store, reader = Store(None), _Reader({LOST: "negative"})
    watch = _watch(store, reader)

    def label(identity: str) -> str | None:
        _feed(watch, [_record(identity, LOST)])
        found = store.story(identity)
        assert found
        return found.sentiment.label

    assert [label("1"), label("2")] == ["negative", "negative"]
    other = _Reader({LOST: "neutral"})
    other.release_id = "r2"
    watch.use(cast(Classifier, other))
    assert [label("3"), label("4"), len(other.read)] == ["neutral", "neutral", 1]
    written = {"name": "talks", "action": "route", "to": "desk", "when": {"any": ["talks"]}}
    rule = StoryRule.model_validate(written)
    for number, rules in enumerate([(), (rule,), (rule,)]):
        other.rules = SimpleNamespace(current=StoryRules(rule=rules))
        label(f"ruled {number}")
    assert len(other.read) == 3


def test_scored_records_with_the_same_text_each_keep_their_own_labels() -> None:
    store = Store(None)
    labels = {"a": "negative", "b": "neutral", "c": "positive"}
    scored = [story(name, 0, label, topics=(name,), text=LOST) for name, label in labels.items()]
    scored[2].release_id = "r2"
    _feed(Watch(store, RULES, None), scored, size=2)
    found = [one for one, _ in store.all_stories()]
    assert {one.id: one.sentiment.label for one in found} == labels
    assert [one.topics[0].name for one in found] == ["a", "b", "c"]
    assert [one.release_id for one in found] == ["r1", "r1", "r2"]


def test_a_sign_alone_makes_another_text() -> None:
    up, down = "Alba shares +5 % after its results on Tuesday", "Alba shares -5 % after its results"
    down += " on Tuesday"
    reader = _Reader({up: "positive", down: "negative"})
    store = Store(None)
    _feed(_watch(store, reader), [_record("up", up), _record("down", down)])
    read = {one.id: (one.sentiment.label, one.duplicate_of) for one, _ in store.all_stories()}
    assert read == {"up": ("positive", None), "down": ("negative", None)}


def test_bad_news_beside_a_like_story_in_two_minds_counts() -> None:
    store = Store(None)
    unsure = story("unsure", 0, topics=(), text=KEPT)
    unsure.sentiment.label = None
    bad = story("bad", 0.1, topics=(), text=LOST)
    again = story("again", 0.2, topics=(), text=f"{LOST} again")
    again.sentiment.label = None
    watch = Watch(store, RULES, None)
    _feed(watch, [unsure, bad, again])
    copies = {one.id: one.duplicate_of for one, _ in store.all_stories()}
    assert copies["bad"] is None
    assert copies["again"] == "bad"


@pytest.fixture(scope="module")
def surge() -> Store:
    store = Store(None)
    told = [
        story("lost", 240, entities=("Alba",), text=LOST),
        story("kept", 241.5, "positive", entities=("Alba",), text=KEPT),
    ]
    told[1].sentiment.probabilities["positive"] = 0.99
    stories = sorted([*quiet_then_surge(), *told], key=lambda one: (one.published_at, one.id))
    _feed(Watch(store, RULES, None, topics=["credit"]), stories, size=200)
    return store


def test_an_alert_says_that_a_story_is_told_otherwise(surge: Store) -> None:
    alert = next(one.alert for one in cases(surge) if one.alert.key == "company/Alba")
    otherwise = {one.id: [told.headline for told in one.otherwise] for one in alert.evidence}
    assert otherwise["lost"] == [KEPT]
    assert not any(told for identity, told in otherwise.items() if identity != "lost")
    assert f"told otherwise: {KEPT}" in in_words(alert)


def test_opposites_are_two_lines_of_a_brief_and_each_names_the_other(surge: Store) -> None:
    brief = brief_of(surge, Day(date(2026, 3, 12), ZoneInfo("UTC")))
    best = brief.extremes[0].best
    assert best
    assert (best.headline, [one.headline for one in best.otherwise]) == (KEPT, [LOST])
    page = to_html(brief, "zh")
    assert f'另有相反说法： <span lang="en" dir="auto">{LOST}' in page
