"""News of another kind is told; copies, and what another release scored, say nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from monitor_serving import copy_release
from news import BAD, FLAT, GOOD, story

from apps.finance_monitor.data import Example
from apps.finance_monitor.learning import drift
from apps.finance_monitor.learning.drift import Scored, watched
from apps.finance_monitor.learning.lessons import LESSONS, load_lessons, save_lessons
from apps.finance_monitor.release import load_release
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.store import Store
from common.files import file_sha256
from common.learning.watching.drift import DriftWatch
from common.releases.registry import Registry
from common.serving.learning.drift import DriftMonitor

USUAL = [f"{name} {what}" for name in ("Hobart", "Ingram", "Jarvis", "Keller", "Lomax")
         for what in (*BAD, *GOOD, *FLAT)]  # fmt: skip


@pytest.fixture
def registry(release: Path, tmp_path: Path) -> Registry:
    """A release that is measured on what is usual."""
    registry = Registry(copy_release(release, tmp_path / "var"), "finance_monitor")
    own = registry.open()
    lessons = load_lessons(own).measured_on([Example(text, "negative") for text in USUAL])
    save_lessons(own.directory, lessons)
    own.manifest["files"][LESSONS] = file_sha256(own.directory / LESSONS)
    (own.directory / "manifest.json").write_text(json.dumps(own.manifest), encoding="utf-8")
    return registry


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "monitor.sqlite")
    yield opened
    opened.close()


def keep(store: Store, stories: Sequence[ScoredRecord]) -> None:
    first = store.last_sequence() + 1
    with store.transaction():
        store.add_stories([(first + n, one, None) for n, one in enumerate(stories)], [])


def scored(release_id: str, texts: Sequence[str], **more: Any) -> list[ScoredRecord]:
    return [
        story(f"{text[:9]}{n}", float(n), text=text, **more).model_copy(
            update={"release_id": release_id}
        )
        for n, text in enumerate(texts)
    ]


def test_other_news_is_told_and_usual_news_is_not(registry: Registry, store: Store) -> None:
    release = registry.open()
    classifier = load_release(release, device="cpu")
    live: Any = SimpleNamespace(release_id=release.release_id, current=classifier)
    told: list[str] = []
    monitor = DriftMonitor(
        live,
        lambda release_id, loaded: watched(registry, store, release_id, loaded),
        lambda: told.append("drifted"),
        of="stories",
        root=registry.root,
    )
    # What was scored is what the release makes of it, as in a watch.
    texts = [text.replace("Hobart", "Mercer") for text in USUAL]
    random.Random(0).shuffle(texts)
    read = classifier.read(texts)
    usual = scored(release.release_id, texts)
    for one, reading in zip(usual, read, strict=True):
        names = ("positive", "neutral", "negative")
        one.sentiment.probabilities = dict(zip(names, reading.sentiment.tolist(), strict=True))
    keep(store, usual)
    copies = scored(release.release_id, ["a copy of a story"] * 50, duplicate_of=usual[0].id)
    keep(store, [*copies, *scored("another", ["scored by another release"] * 50)])
    monitor.read()
    assert (monitor.state.rows, monitor.state.of) == (len(usual), "stories")
    names = {"length", "language", "unknown words", "confidence"}
    assert {one.name for one in monitor.state.figures} == names
    assert not any(one.has_drifted for one in monitor.state.figures)

    match = "第 {} 轮比赛今晚开球，两队主力前锋都因为膝盖受伤不能上场，教练组连夜商量换谁首发"
    keep(store, scored(release.release_id, [match.format(number) for number in range(80)]))
    monitor.read()
    drifted = {one.name for one in monitor.state.figures if one.has_drifted}
    assert {"length", "language", "unknown words"} <= drifted
    assert told == ["drifted"]

    again = watched(registry, store, release.release_id, classifier)
    assert again is not None
    assert again.take_in(DriftWatch(again.baseline)).drifted == monitor.watch.drifted


def test_a_ticker_is_the_name_that_the_release_reads_for_it(
    registry: Registry, store: Store
) -> None:
    release = registry.open()
    classifier = replace(load_release(release, device="cpu"), tickers={"BOR": "Borel"})
    keep(store, scored(release.release_id, ["$BOR profit jumps", "Borel profit jumps again"]))
    found = watched(registry, store, release.release_id, classifier)
    assert found is not None
    first, second = (figures for _, figures in found.new())
    assert first["length"] == second["length"] - len(" again")


def test_only_the_last_texts_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "RUN", 3)
    seen = Scored(store, "r1")
    assert not [*seen.new()]
    texts = ["one", "one", "two", "three", "four", "one"]
    keep(store, scored("r1", texts))
    assert [one.text for one in seen.new()] == ["one", "two", "three", "four", "one"]
    assert len(seen._seen) == 3
