"""What was learned of the past of each key: sums, each forgotten at its own pace."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.surges.times import KINDS

Floats = NDArray[np.float64]

HOURS_OF_DAY, HOURS_OF_WEEK = 24, 168


@dataclass
class Columns:
    """Arrays with one row per key, which grow together."""

    def grow(self, size: int) -> None:
        """Make room for `size` keys; new rows hold what a new key starts with."""
        for field in fields(self):
            held = getattr(self, field.name)
            wider = np.zeros((size, *held.shape[1:]), held.dtype)
            wider[: len(held)] = held
            setattr(self, field.name, wider)


def _rows(*columns: int) -> Floats:
    return np.zeros((0, *columns))


@dataclass
class History(Columns):
    """What was learned: sums over the past, each forgotten at its own pace.

    Attributes:
        stories, hours: the level is one over the other; hours are weighted by their factors.
        day_stories, day_expected: by hour of day, in the key's zone.
        week_stories, week_expected: by hour of week, in the key's zone.
        scatter, scatter_weight: the dispersion is one over the other.
        special_stories, special_expected: by kind of time.
    """

    stories: Floats
    hours: Floats
    day_stories: Floats
    day_expected: Floats
    week_stories: Floats
    week_expected: Floats
    scatter: Floats
    scatter_weight: Floats
    special_stories: Floats
    special_expected: Floats

    @classmethod
    def empty(cls) -> History:
        """Of no key."""
        return cls(
            _rows(),
            _rows(),
            _rows(HOURS_OF_DAY),
            _rows(HOURS_OF_DAY),
            _rows(HOURS_OF_WEEK),
            _rows(HOURS_OF_WEEK),
            _rows(),
            _rows(),
            _rows(KINDS),
            _rows(KINDS),
        )


def kept_after(passed: Floats | float, memory: float) -> Floats | float:
    """What is left of a sum after `passed` units of time; a unit takes one part in `memory`."""
    return (1 - 1 / memory) ** passed
