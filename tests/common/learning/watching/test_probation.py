"""A release that learned and does worse is withdrawn; one that does as well is not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import log
from pathlib import Path

import numpy as np
import pytest

from common.learning.watching.probation import (
    LEVEL,
    Count,
    Outcomes,
    Probation,
    does_worse,
    log_evidence,
)
from common.releases.registry import Registry
from common.releases.release import Release, write_release


def _write(registry: Registry, content: str, **manifest: object) -> Release:
    def fill(directory: Path) -> None:
        (directory / "weights").write_text(content, encoding="utf-8")

    return write_release(registry.releases, fill, dict(manifest))


def _told(what: str, counts: Mapping[str | None, Count]) -> Outcomes:
    return lambda release_ids: {one: {what: counts[one]} for one in release_ids}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A first release, and one that learned from it and serves."""
    made = Registry(tmp_path, "test")
    first = _write(made, "first")
    learned = _write(made, "learned", parent=first.release_id, learned={"taken": 3})
    made.promote(first.release_id)
    made.promote(learned.release_id)
    return made


def test_what_is_as_usual_is_no_evidence_and_what_is_worse_is() -> None:
    assert log_evidence(0.2, Count(20, 100)) < 0
    assert log_evidence(0.2, Count(5, 100)) < 0
    assert log_evidence(0.2, Count(45, 100)) > log(1 / LEVEL)
    assert log_evidence(0.2, Count(100_000, 200_000)) > 1000
    assert log_evidence(0.001, Count(0, 1_000_000)) < 0


def test_looking_after_each_one_keeps_the_level() -> None:
    """Of 400 releases that do just as badly as is usual, looked at 300 times each."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        bad = np.cumsum(random.random(300) < 0.2)
        found = (log_evidence(0.2, Count(int(k), n)) for n, k in enumerate(bad, start=1))
        alarms += any(evidence >= log(1 / 0.05) for evidence in found)
    assert alarms / 400 <= 0.05


def test_of_few_nothing_is_said() -> None:
    usual = {"handed over": Count(10, 100)}
    assert does_worse({"handed over": Count(4, 40)}, {"handed over": Count(100, 100)}) is None
    assert does_worse(usual, {"handed over": Count(9, 9)}) is None
    assert does_worse({}, {"handed over": Count(100, 100)}) is None
    said = does_worse(usual, {"said to be bad": Count(0, 0), "handed over": Count(60, 100)})
    assert said == "handed over: 10.0% of 100 → 60.0% of 100"


def test_what_does_worse_is_withdrawn_and_the_reason_kept(registry: Registry) -> None:
    parent, learned = str(registry.previous_id()), str(registry.current_id())
    counts = {parent: Count(20, 200), learned: Count(12, 100)}
    probation = Probation(registry, _told("said to be bad", counts))
    assert probation.check(time.time()) is None
    assert registry.current_id() == learned
    counts[learned] = Count(60, 100)
    why = probation.check(time.time())
    assert why == "said to be bad: 10.0% of 200 → 60.0% of 100"
    assert registry.current_id() == parent
    assert registry.withdrawn() == {learned: why}
    # Nothing is rolled back twice, and what was trained is not watched.
    assert probation.check(time.time()) is None
    assert registry.withdraw(learned, "again") is None
    assert registry.current_id() == parent


def test_only_the_first_hours_are_watched(registry: Registry) -> None:
    counts = {registry.previous_id(): Count(1, 99), registry.current_id(): Count(99, 99)}
    probation = Probation(registry, _told("handed over", counts), hours=1)
    assert probation.check(time.time() + 3700) is None
    assert probation.check(time.time()) is not None
