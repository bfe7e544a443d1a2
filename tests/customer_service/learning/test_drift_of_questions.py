"""Questions as in training are no drift; questions of another kind are, and set learning off."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sample import Demo

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.learning import drift
from apps.customer_service.learning.drift import USUAL, watched
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.learning.predictions import APPLICATION, prediction_of
from apps.customer_service.release import load_release
from common.files import read_json
from common.learning.store import FeedbackStore
from common.learning.watching.state import load_drift
from common.releases.registry import Registry
from common.serving.learning.drift import DriftMonitor
from common.storage.database import Database

OTHER = "my quantum chromodynamics homework about gluon confinement number {} is overdue"


@pytest.fixture(scope="module")
def registry(demo: Demo) -> Registry:
    return Registry(demo.store, APPLICATION)


@pytest.fixture(scope="module")
def answerer(registry: Registry) -> Answerer:
    return load_release(registry.open(), device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> FeedbackStore:
    return FeedbackStore(Database(tmp_path / "bizlm.sqlite"), APPLICATION)


def _ask(answerer: Answerer, store: FeedbackStore, questions: list[str]) -> None:
    prepared = [prepare(question) for question in questions]
    rows = [
        prediction_of(
            answerer.answer(question, understood),
            question,
            at=time.time(),
            source="s",
            subject=None,
        )
        for question, understood in zip(prepared, answerer.understand(prepared), strict=True)
    ]
    store.add(rows)


def _monitor(registry: Registry, answerer: Answerer, store: FeedbackStore) -> tuple[Any, list[str]]:
    live: Any = SimpleNamespace(release_id=answerer.release_id, current=answerer)
    told: list[str] = []

    find = partial(watched, registry, store)
    monitor = DriftMonitor(
        live, find, lambda: told.append("drifted"), of="questions", root=registry.root
    )
    return monitor, told


def test_as_in_training_is_no_drift_and_another_kind_is(
    registry: Registry, answerer: Answerer, store: FeedbackStore
) -> None:
    golden = list({example.text: 1 for example in load_lessons(registry.open())[0].golden})
    # The file has them by language and FAQ; people ask in any order.
    random.Random(0).shuffle(golden)
    monitor, told = _monitor(registry, answerer, store)
    _ask(answerer, store, golden)
    monitor.read()
    assert monitor.state.rows == len(golden)
    assert {one.name for one in monitor.state.figures} == {
        "length", "language", "unknown words", "decision", "confidence", "score",
    }  # fmt: skip
    assert not any(one.has_drifted for one in monitor.state.figures)
    assert told == []

    _ask(answerer, store, [OTHER.format(number) for number in range(240)])
    monitor.read()
    drifted = {one.name for one in monitor.state.figures if one.has_drifted}
    # How sure a release of twelve FAQs is says too little.
    assert {"length", "unknown words"} <= drifted
    # It is told once, and the same question over and over says nothing more.
    found = monitor.state
    _ask(answerer, store, [OTHER.format(1)] * 3)
    monitor.read()
    assert told == ["drifted"]
    assert monitor.state == found

    # Who comes later reads the same rows, and says the same.
    again, _ = _monitor(registry, answerer, store)
    again.read()
    assert again.state == monitor.state
    # So does a `learn` that has nothing but what was kept.
    assert load_drift(registry.root, answerer.release_id) == monitor.state
    assert load_drift(registry.root, "another") is None
    assert "no more as when it was measured: " in monitor.state.section().text


def test_what_is_no_question_by_itself_is_no_drift(
    registry: Registry, answerer: Answerer, store: FeedbackStore
) -> None:
    (understood,) = answerer.understand([prepare(OTHER)])
    answer = answerer.answer(prepare(OTHER), understood)
    told = watched(registry, store, answerer.release_id, answerer)
    assert told
    kinds = ("greeting", "wants_person", "follow_up", "two_in_one")
    store.add(
        [
            prediction_of(
                answer.model_copy(update={"id": kind, "kind": kind}),
                OTHER.format(kind),
                at=time.time(),
                source="s",
                subject=None,
            )
            for kind in kinds
        ]
    )
    assert [figures for _, figures in told.new()] == [{}] * len(kinds)


def test_a_release_tells_what_is_usual_as_its_questions_do(
    registry: Registry, answerer: Answerer, store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = watched(registry, store, answerer.release_id, answerer)
    assert told and told.baseline == read_json(registry.open().directory / USUAL)
    # One that was trained before that was kept.
    monkeypatch.setattr(drift, "USUAL", "none.json")
    again = watched(registry, store, answerer.release_id, answerer)
    assert again and {*again.baseline} == {*told.baseline}
    for name, values in again.baseline.items():
        assert values == pytest.approx(told.baseline[name], abs=2e-3)
