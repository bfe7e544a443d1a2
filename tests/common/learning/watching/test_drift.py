"""Drift is told when there is some, and hardly ever when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from common.learning.watching import drift
from common.learning.watching.drift import FEWEST, LEVEL, DriftWatch, Exchangeability


def _strongest(baseline: np.ndarray, stream: np.ndarray, random: np.random.Generator) -> float:
    test = Exchangeability(baseline.tolist())
    for value in stream.tolist():
        test.observe(value, random.random())
    return test.strongest


def test_where_nothing_changed_false_alarms_keep_their_level() -> None:
    random = np.random.default_rng(0)
    found = [
        _strongest(random.normal(size=100), random.normal(size=500), random) for _ in range(300)
    ]
    assert np.mean([one >= np.log10(1 / 0.05) for one in found]) <= 0.05


@pytest.mark.parametrize("kind", ["higher", "lower", "categories"])
def test_what_changed_is_told(kind: str) -> None:
    random = np.random.default_rng(1)
    if kind == "categories":
        baseline = (random.random(200) < 0.2).astype(float)
        stream = (random.random(400) < 0.6).astype(float)
    else:
        shift = 1.0 if kind == "higher" else -1.0
        baseline, stream = random.normal(size=200), random.normal(shift, size=400)
    assert _strongest(baseline, stream, random) > 6


def test_values_that_are_all_the_same_tell_nothing() -> None:
    random = np.random.default_rng(2)
    assert _strongest(np.ones(100), np.ones(1000), random) < 2


def test_the_watch_names_what_drifted_and_says_the_same_again() -> None:
    random = np.random.default_rng(3)
    baseline = {name: random.normal(size=300).tolist() for name in ("length", "score")}
    baseline["few"] = [1.0] * (FEWEST - 1)
    stream = [
        {"length": random.normal(2), "score": random.normal(), "few": 9.0} for _ in range(300)
    ]

    def watched() -> DriftWatch:
        watch = DriftWatch(baseline)
        for number, row in enumerate(stream):
            watch.observe(row, str(number))
        return watch

    watch = watched()
    assert watch.drifted == ["length"]
    assert watch.rows == 300
    assert {one.name for one in watch.figures} == {"length", "score"}
    assert watched().figures == watch.figures


def test_a_drift_that_was_told_stays_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "RUN", 200)
    random = np.random.default_rng(4)
    watch = DriftWatch({"length": random.normal(size=100).tolist()})
    for number in range(500):
        shift = 3.0 if number < 200 else 0.0
        watch.observe({"length": float(random.normal(shift))}, str(number))
    assert watch.drifted == ["length"]
    assert LEVEL < 0.05
