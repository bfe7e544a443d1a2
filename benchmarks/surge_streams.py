"""Simulated counts of news for `benchmarks.surges`, in windows of any width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.surges.times import EARNINGS, HOLIDAY, ORDINARY

Array = NDArray[np.float64]

KINDS = ("steady", "overdispersed", "seasonal", "drifting")
# What counts in one hour says of the next five minutes, a window of their own does not know.
BY_THE_HOUR = "overdispersed by the hour"
SPECIAL = np.array([1.0, 0.3, 3.0])  # times the usual: ordinary days, holidays, earnings
OTHERS = 7 / 3  # other stories for each negative one


def means(
    kind: str, base: Array, windows: int, width: float, rng: np.random.Generator
) -> Iterator[Array]:
    """The true mean of each key by window.

    Overdispersed: a gamma factor of variance 0.4 each window, or each hour. Seasonal: seven tenths
    up and down over the day, and two fifths at weekends. Drifting: a random walk of 3 % a day.

    Args:
        base: [keys], stories an hour.
        width: of a window, hours.
    """
    walk = np.zeros(len(base))
    hourly = np.ones(len(base))
    usual = base * width
    for window in range(windows):
        start = window * width
        if kind == "overdispersed":
            yield usual * rng.gamma(2.5, 0.4, len(base))
        elif kind == BY_THE_HOUR:
            if window % max(1, round(1 / width)) == 0:
                hourly = rng.gamma(2.5, 0.4, len(base))
            yield usual * hourly
        elif kind == "seasonal":
            weekend = 0.4 if start // 24 % 7 >= 5 else 1.0
            of_day = np.arange(start // 1, max(start // 1 + 1, start + width)) % 24
            yield usual * weekend * (1 + 0.7 * np.cos(2 * np.pi * (of_day - 13) / 24)).mean()
        elif kind == "drifting":
            walk += rng.normal(0, 0.03 * np.sqrt(width / 24), len(base))
            yield usual * np.exp(walk)
        else:
            yield usual


def kinds_of(hour: float, rows: int) -> NDArray[np.int64]:
    """[rows], what a day is: every twentieth a holiday, every fortieth of a key one of earnings."""
    day = int(hour // 24)
    earnings = (day + np.arange(rows)) % 40 == 7
    return np.where(earnings, EARNINGS, HOLIDAY if day % 20 == 13 else ORDINARY)


def draw(
    kind: str,
    base: Array,
    windows: int,
    width: float,
    seed: int,
    *,
    multiple: float = 1.0,
    onset: int = 0,
) -> tuple[Array, Array]:
    """Negative and other stories [windows, rows]; from the window `onset` on there is a surge."""
    rng = np.random.default_rng(seed)
    drawn = []
    for window, mean in enumerate(means(kind, base, windows, width, rng)):
        surges = multiple if window >= onset else 1.0
        drawn.append((rng.poisson(mean * surges), rng.poisson(mean * OTHERS)))
    negative, others = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    return negative, others
