from __future__ import annotations

import numpy as np

from apps.recommender.interactions.events import Events, sorted_events
from apps.recommender.interactions.popularity import (
    COUNTS,
    DAY,
    HALF_LIFE,
    SLOW_HALF_LIFE,
    WINDOWS,
    activity,
    in_total,
)

START = 1_700_000_000


def _events(item: list[int], time: list[int]) -> Events:
    rng = np.random.default_rng(0)
    return sorted_events(
        rng.integers(0, 5, len(item)),
        np.array(item),
        np.ones(len(item), np.int8),
        np.array(time),
        np.ones(len(item), np.float32),
        users=5,
    )


def test_counts_in_each_window_before_a_moment() -> None:
    now = START + 100 * DAY
    ages = [HALF_LIFE, 10 * DAY, 3600, DAY, DAY + 1, 0, -5]
    events = _events([1] * 7, [now - age for age in ages])
    counts = activity(events, 3).at(np.array([[1, 0, -1]]), np.array([now]))
    # An event at the very moment, or later, does not count; one a day ago is in the window.
    assert counts[0, 0, :4].tolist() == [2, 3, 5, 5]
    expected = sum(0.5 ** (age / HALF_LIFE) for age in ages if age > 0)
    assert np.isclose(counts[0, 0, 4], expected)
    assert (counts[0, 1:] == 0).all()


def test_any_moment_agrees_with_counting() -> None:
    rng = np.random.default_rng(1)
    item = rng.integers(0, 20, 800)
    time = START + rng.integers(0, 60 * DAY, 800)
    weight = rng.random(800).astype(np.float32)
    events = sorted_events(
        rng.integers(0, 5, 800), item, np.ones(800, np.int8), time, weight, users=5
    )
    found = activity(events, 20)
    asked = rng.integers(0, 20, (30, 6))
    moments = START + rng.integers(-5 * DAY, 70 * DAY, 30)
    counts = found.at(asked, moments)
    for row, moment in enumerate(moments):
        age = moment - time
        for place, number in enumerate(asked[row]):
            past = (item == number) & (age > 0)
            windows = [(past & (age <= window)).sum() for window in WINDOWS]
            assert counts[row, place, :4].tolist() == [*windows, past.sum()]
            forgetting = (0.5 ** (age[past] / HALF_LIFE)).sum()
            assert np.isclose(counts[row, place, 4], forgetting, rtol=1e-5)
            slowly = (0.5 ** (age[past] / SLOW_HALF_LIFE)).sum()
            assert np.isclose(counts[row, place, 5], slowly, rtol=1e-5)
            assert np.isclose(counts[row, place, 6], weight[past].sum(), rtol=1e-5)
    assert np.array_equal(found.of_all(moments[0])[asked[0]], counts[0])
    whole = in_total(events).at(np.zeros((30, 1), np.int32), moments)
    for row, moment in enumerate(moments):
        assert np.allclose(whole[row, 0], found.of_all(moment).sum(0), rtol=1e-4)


def test_without_events_all_is_zero() -> None:
    counts = activity(_events([], []), 4).of_all(START)
    assert counts.shape == (4, len(COUNTS)) and not counts.any()
