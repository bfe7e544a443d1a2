"""The detector keeps its promise, finds surges, and is not fooled by hours, volume or old news."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.finance_monitor.surges.baseline import HOUR
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import HOLD, NEW_NORMAL, SurgeDetector
from benchmarks.surges import false_alarms
from common.errors import UserError
from common.finite import NonFiniteError

KEYS, STREAMS = 50, 6
QUIET_DAYS = 60
MONTHLY = parse_budget("1 per 30d")
THRESHOLD = MONTHLY.threshold(KEYS, HOUR)


def _means(kind: str, hour: int, base: np.ndarray, walk: np.ndarray, rng: np.random.Generator):
    if kind == "seasonal":
        weekend = 0.4 if hour // 24 % 7 >= 5 else 1.0
        return base * weekend * (1 + 0.7 * np.cos(2 * np.pi * (hour % 24 - 13) / 24))
    if kind == "drifting":
        walk += rng.normal(0, 0.03 / np.sqrt(24), len(base))
        return base * np.exp(walk)
    if kind == "overdispersed":
        return base * rng.gamma(2.5, 0.4, len(base))
    return base


@pytest.mark.parametrize("kind", ["steady", "overdispersed", "seasonal", "drifting"])
def test_quiet_streams_stay_within_the_budget(kind: str) -> None:
    rng = np.random.default_rng(7)
    rows = KEYS * STREAMS
    base = np.exp(rng.uniform(np.log(0.1), np.log(8), rows))
    walk = np.zeros(rows)
    detector = SurgeDetector(HOUR)
    detector.grow(rows)
    alarms, before = 0, np.zeros(rows, bool)
    for hour in range(QUIET_DAYS * 24):
        negative = rng.poisson(_means(kind, hour, base, walk, rng)).astype(float)
        other = rng.poisson(2.3 * base).astype(float)
        verdict = detector.judge(hour * HOUR, negative, negative + other, THRESHOLD)
        alarms += int((verdict.alarmed & ~before).sum())
        before = verdict.alarmed & ~verdict.ended
    allowed = STREAMS * QUIET_DAYS / 30
    # Three standard errors of a Poisson count: a detector within its budget passes.
    assert alarms <= allowed + 3 * np.sqrt(allowed)


def test_windows_of_a_day_stay_within_the_budget_where_days_scatter() -> None:
    found = false_alarms("overdispersed", 20, share_test=False, seed=3, width=24.0)
    assert found["low"] <= 1


def _learned(rate: float = 4.0, share: float = 0.3, days: int = 21) -> SurgeDetector:
    rng = np.random.default_rng(11)
    detector = SurgeDetector(HOUR)
    detector.grow(1)
    for hour in range(days * 24):
        negative = rng.poisson([rate]).astype(float)
        other = rng.poisson([rate * (1 - share) / share]).astype(float)
        detector.judge(hour * HOUR, negative, negative + other, THRESHOLD)
    return detector


def _hours_to_alarm(multiple: float, other_multiple: float = 1.0, most: int = 60) -> int | None:
    detector = _learned()
    rng = np.random.default_rng(13)
    for hour in range(21 * 24, 21 * 24 + most):
        negative = rng.poisson([4.0 * multiple]).astype(float)
        other = rng.poisson([4.0 * 7 / 3 * other_multiple]).astype(float)
        verdict = detector.judge(hour * HOUR, negative, negative + other, THRESHOLD)
        if verdict.alarmed[0]:
            return hour - 21 * 24 + 1
    return None


def test_the_stronger_the_surge_the_sooner_the_alarm() -> None:
    delays = [_hours_to_alarm(multiple) for multiple in (2, 3, 5)]
    assert None not in delays
    assert delays == sorted(delays, reverse=True)
    assert delays[2] <= 4


def test_more_news_alone_is_no_bad_news() -> None:
    assert _hours_to_alarm(3) is not None
    assert _hours_to_alarm(3, other_multiple=3) is None


def test_an_alarm_is_held_open_through_short_lulls_and_ends_after_a_long_one() -> None:
    detector = _learned()
    hour = 21 * 24

    def judge(count: float) -> bool:
        nonlocal hour
        verdict = detector.judge(hour * HOUR, np.array([count]), np.array([count + 2.0]), THRESHOLD)
        hour += 1
        return bool(verdict.alarmed[0] and not verdict.ended[0])

    for _ in range(4):
        judge(25)
    assert judge(25)
    assert all(judge(2) for _ in range(int(HOLD) - 1))
    assert judge(25)
    states = [judge(2) for _ in range(int(HOLD))]
    assert states == [True] * (int(HOLD) - 1) + [False]


def test_a_surge_that_stays_becomes_what_is_usual() -> None:
    detector = _learned()
    ended_at, alarmed_again = None, False
    for hour in range(21 * 24, 21 * 24 + int(NEW_NORMAL) + 48):
        verdict = detector.judge(hour * HOUR, np.array([20.0]), np.array([22.0]), THRESHOLD)
        if verdict.ended[0]:
            assert verdict.new_normal[0]
            ended_at = hour
        elif ended_at:
            alarmed_again |= bool(verdict.alarmed[0])
    assert ended_at
    assert not alarmed_again
    assert verdict.expected[0] == pytest.approx(20, rel=0.25)


def test_nothing_alarms_before_anything_is_known() -> None:
    detector = SurgeDetector(HOUR)
    detector.grow(1)
    for hour in range(72):
        verdict = detector.judge(hour * HOUR, np.array([float(hour)]), np.array([99.0]), THRESHOLD)
        assert not verdict.alarmed[0]


def test_the_onset_is_where_the_surge_began() -> None:
    detector = _learned()
    for hour in range(21 * 24, 21 * 24 + 5):
        verdict = detector.judge(hour * HOUR, np.array([16.0]), np.array([20.0]), THRESHOLD)
    assert verdict.alarmed[0]
    assert verdict.since[0] == pytest.approx(21 * 24 * HOUR, abs=3 * HOUR)
    assert verdict.negative[0] == pytest.approx(80, abs=16)


def test_what_it_knows_survives_a_restart_to_the_last_bit() -> None:
    first = _learned(days=5)
    second = SurgeDetector.from_bytes(first.to_bytes())
    for hour in range(5 * 24, 9 * 24):
        counts = np.array([float(hour % 7)]), np.array([9.0])
        ours = first.judge(hour * HOUR, *counts, THRESHOLD)
        theirs = second.judge(hour * HOUR, *counts, THRESHOLD)
        for name in ("expected", "surprise", "since", "run_expected"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_key_that_joins_later_had_nothing_before() -> None:
    detector = _learned()
    detector.grow(2)
    verdict = detector.judge(21 * 24 * HOUR, np.array([4.0, 0.0]), np.array([12.0, 0.0]), THRESHOLD)
    assert verdict.expected[1] < 0.1 < verdict.expected[0]


@pytest.mark.parametrize(
    ("wording", "windows"),
    [("1 per 30d", 720), ("2/week", 84), ("1 per year", 8760), ("0.5 per 12 hours", 24)],
)
def test_budgets_are_read_in_the_users_words(wording: str, windows: float) -> None:
    assert parse_budget(wording).threshold(1, HOUR) == windows
    assert parse_budget(wording).threshold(50, HOUR) == 50 * windows


@pytest.mark.parametrize(
    "wording",
    [
        *("", "often", "1", "1 per", "0 per day", "1 per 3 moons"),
        *(f"1 per {'9' * 400}d", f"{'9' * 400} per day"),
    ],
)
def test_a_budget_that_says_nothing_is_refused(wording: str) -> None:
    with pytest.raises(UserError, match="1 per"):
        parse_budget(wording)


WIDTHS = st.floats(60.0, 7 * 24 * HOUR)


@given(
    width=WIDTHS,
    windows=st.lists(
        st.tuples(
            st.integers(0, 40),  # windows of silence before it
            st.integers(0, 5000),
            st.integers(0, 5000),
        ),
        min_size=1,
        max_size=40,
    ),
    budget=st.floats(0.1, 100.0),
)
@settings(deadline=None, max_examples=60)
def test_whatever_comes_in_windows_of_any_width_all_stays_finite(
    width: float, windows: list[tuple[int, int, int]], budget: float
) -> None:
    detector = SurgeDetector(width)
    detector.grow(2)
    threshold = parse_budget(f"{budget:.2f} per 7d").threshold(2, width)
    window = 0
    for silent, negative, other in windows:
        for counts in ([0.0, 0.0],) * silent + ([float(negative), 1.0],):
            found = np.array(counts)
            verdict = detector.judge(window * width, found, found + other, threshold)
            window += 1
            assert np.isfinite(verdict.expected).all()
            assert np.isfinite(verdict.surprise).all()
            assert (verdict.expected > 0).all()
    history = detector.baseline.history
    for field in fields(history):
        values = getattr(history, field.name)
        assert np.isfinite(values).all(), field.name
    assert (history.hours >= 0).all()
    assert (history.day_expected >= 0).all()


@pytest.mark.parametrize("hours", [1 / 60, 0.25, 1, 5, 6, 12, 24, 36, 72, 168])
def test_a_surge_is_found_in_windows_of_any_width(hours: float) -> None:
    """Seven times the usual for one wide window, or for half a day, after ten weeks of calm."""
    width = hours * HOUR
    rng = np.random.default_rng(5)
    detector = SurgeDetector(width)
    detector.grow(1)
    threshold = MONTHLY.threshold(1, width)
    calm = int(max(70 * 24 if hours >= 1 else 7 * 24, 12 * hours) / hours)
    surge = max(1, int(12 / hours))
    early, found = 0, False
    for window in range(calm + surge):
        rate = 2.0 * hours * (7 if window >= calm else 1)
        negative = rng.poisson([rate]).astype(float)
        other = rng.poisson([4.0 * hours]).astype(float)
        verdict = detector.judge(window * width, negative, negative + other, threshold)
        early += bool(verdict.alarmed[0]) and window < calm
        found |= bool(verdict.alarmed[0]) and window >= calm
    assert found
    assert early <= 1


def test_a_count_that_is_no_number_stops_with_its_cause() -> None:
    detector = _learned(days=4)
    with pytest.raises(NonFiniteError, match=r"after its window from 1970-01-05 00:00: stories"):
        detector.judge(4 * 24 * HOUR, np.array([np.nan]), np.array([1.0]), THRESHOLD)


def test_a_generous_budget_is_no_alarm_in_every_window() -> None:
    """What may be is not what must be: one a day in weekly windows is a threshold all the same."""
    width = 7 * 24 * HOUR
    threshold = parse_budget("1 per 1d").threshold(1, width)
    detector = SurgeDetector(width)
    detector.grow(1)
    rng = np.random.default_rng(3)
    alarms = 0
    for week in range(60):
        negative = rng.poisson([50]).astype(float)
        verdict = detector.judge(week * width, negative, 3 * negative, threshold)
        alarms += bool(verdict.alarmed[0])
    assert alarms <= 6
