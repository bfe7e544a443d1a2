"""How many negative stories a key usually has in a window, and how much that scatters.

All keys are learned side by side: an array has one row per key. A window's count is modelled as

    count ~ NegativeBinomial(mean = level x hour of day x hour of week, variance = mean + d mean^2)

The level is the mean under a gamma prior, forgotten exponentially. The factors of the hours are
posterior means under gamma priors around one, so that they stay at one while history is short.
On a holiday, or a day of earnings, a factor of that kind of day comes on top, which learns from
such days alone, while level, hours and scatter do not learn from them. A holiday is taken for
usual until some were seen, and a day of earnings for three times as busy: neither gives false
alarms. While a market is closed by its weekly hours, a factor comes on top as well; that is no
other kind of day, so that all else goes on learning, relative to it. Hours are those of the key's
zone, so that they keep their place when summer time begins; those of windows wider than an hour are
of UTC, whose multiples such windows begin on.
The dispersion d comes from the forecast's own errors, each weighted by what it says about d, and is
drawn to a usual value where a key has too few stories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.surges.history import (
    HOURS_OF_DAY,
    HOURS_OF_WEEK,
    Floats,
    History,
    kept_after,
)
from apps.finance_monitor.surges.times import CLOSED, HOLIDAY, ORDINARY, Kinds, teaches

Rows = NDArray[np.int64]

HOUR = 3600.0
# 1970-01-01 was a Thursday.
MONDAY = 4 * HOURS_OF_DAY

LEAST_MEAN = 0.05  # stories per hour; where a key has fewer, one alone would be a surge
LEVEL_MEMORY = 14 * 24.0  # hours
# … but of wide windows at least so many: a surge would be what is usual before it is noticed.
LEVEL_WINDOWS = 56
DAY_MEMORY, WEEK_MEMORY = 21.0, 6.0  # visits of that hour
DISPERSION_MEMORY, DISPERSION_WINDOWS = 30 * 24.0, 90  # hours, and at least so many windows
# A window as wide as the cycle always starts at the same hour: its factor would be the level's.
DAY, WEEK = 24.0, 168.0  # hours
# How firmly a factor is held at one, in stories; half of these moved it for chance alone.
DAY_PRIOR, WEEK_PRIOR = 6.0, 12.0
PRIOR_HOURS = 12.0
USUAL_DISPERSION, DISPERSION_PRIOR = 0.3, 30.0
# What one window says of the dispersion at most: some of them go before what is usual.
ONE_WINDOW = 16.0
LEAST_DISPERSION = 0.01
# What times of the kinds are taken for before any was seen, and how firmly, in stories.
SPECIAL_USUAL, SPECIAL_PRIOR = np.array([1.0, 1.0, 3.0, 1.0]), np.array([1.0, 6.0, 6.0, 6.0])
SPECIAL_MEMORY = 20.0  # such days
IMPOSSIBLE = -20.0  # log-probability below which nobody believes in chance


def level_memory(hours: float) -> float:
    """For how many hours windows of `hours` are remembered."""
    return max(LEVEL_MEMORY, LEVEL_WINDOWS * hours)


@dataclass(frozen=True)
class Forecast:
    """Of one window, per key: the expected count and its relative variance beyond Poisson."""

    mean: Floats
    dispersion: Floats


class Baseline:
    """Forecasts a window's counts, and learns from those that were usual.

    Args:
        width: of a window, seconds.

    Attributes:
        zones: [keys], by whose clock the hours of each key are counted.
    """

    def __init__(self, width: float, history: History | None = None) -> None:
        self._hours = width / HOUR
        self._level_memory = level_memory(self._hours)
        self._dispersion_memory = max(DISPERSION_MEMORY, DISPERSION_WINDOWS * self._hours)
        self.history = history or History.empty()
        # How long the monitor has watched, hours, forgotten like a level: a key that was never
        # seen before had none all that time.
        self.watched = 0.0
        self.zones = ["UTC"] * len(self.history.hours)

    def follow(self, zones: Sequence[str], start: float) -> None:
        """Count the hours of each key by the clock of its zone from `start` on.

        What was learned by another clock is moved to the hours that it was at on this one. Windows
        wider than an hour go by UTC: by another clock they would begin at hours, in summer, that no
        window began at in winter.
        """
        if self._hours > 1:
            zones = ["UTC"] * len(zones)
        held = self.history
        for row, (before, zone) in enumerate(zip(self.zones, zones, strict=True)):
            if zone == before:
                continue
            if moved := _local_hour(start, zone) - _local_hour(start, before):
                for hours in (
                    held.day_stories,
                    held.day_expected,
                    held.week_stories,
                    held.week_expected,
                ):
                    hours[row] = np.roll(hours[row], moved)
        self.zones = [*zones]

    def grow(self, size: int) -> None:
        """Make room for `size` keys."""
        known = len(self.history.hours)
        self.zones += ["UTC"] * (size - len(self.zones))
        self.history.grow(size)
        self.history.hours[known:] = self.watched

    def forecast(self, start: float, kinds: Kinds | None = None) -> Forecast:
        """What is expected of the window that starts at `start`, seconds since 1970.

        Args:
            kinds: [keys], of the time; None: it is like others.
        """
        day, week = self._factors(start)
        level = self._level()
        mean = self._hours * level * day * week
        held = self.history
        dispersion = (DISPERSION_PRIOR * USUAL_DISPERSION + held.scatter) / (
            DISPERSION_PRIOR + held.scatter_weight
        )
        dispersion = np.maximum(dispersion, LEAST_DISPERSION)
        # The level is itself uncertain: by one part in the stories that it was learned from, and
        # as far as these scattered, by one part in the windows.
        uncertain = 1 / (held.stories + LEAST_MEAN * PRIOR_HOURS)
        uncertain = uncertain + dispersion * self._hours / (held.hours + PRIOR_HOURS)
        if kinds is not None:
            factor, doubt = self._special(kinds)
            mean, uncertain = mean * factor, uncertain + doubt
        return Forecast(mean, dispersion + uncertain)

    def _special(self, kinds: Kinds) -> tuple[Floats, Floats]:
        """[keys] twice: the factor of this kind of time, and its relative variance."""
        rows = np.arange(len(kinds))
        seen = (
            SPECIAL_PRIOR[kinds] * SPECIAL_USUAL[kinds] + self.history.special_stories[rows, kinds]
        )
        expected = SPECIAL_PRIOR[kinds] + self.history.special_expected[rows, kinds]
        special = kinds != ORDINARY
        return np.where(special, seen / expected, 1.0), np.where(special, 1 / seen, 0.0)

    def is_outage(self, windows: Iterable[tuple[float, Kinds | None]]) -> bool:
        """Whether nothing at all in these windows means that the feed was down.

        So it is where the likeliest key to speak would have been silent with a probability below
        e^-20. What is sparse is silent for weeks; what is lively, hardly for a night. On a holiday,
        and while the market is closed, it may be silent.

        Args:
            windows: their starts, and of which kinds they are.
        """
        log_probability = np.zeros(len(self.history.hours))
        for start, kinds in windows:
            forecast = self.forecast(start, kinds)
            silence = np.log1p(forecast.dispersion * forecast.mean) / forecast.dispersion
            log_probability -= (
                silence if kinds is None else silence * ~np.isin(kinds, (HOLIDAY, CLOSED))
            )
        return bool(log_probability.min(initial=0.0) < IMPOSSIBLE)

    def learn(
        self,
        start: float,
        counts: Floats,
        forecast: Forecast,
        usual: Floats,
        kinds: Kinds | None = None,
    ) -> None:
        """Take a window into the past.

        Args:
            usual: [keys], how much of the window to learn from: 0 while an alarm is on.
            kinds: [keys], of the time; None: it is like others.
        """
        held = self.history
        rows, hour_of_day, hour_of_week = self._places(start)
        day, week = self._factors(start)
        level = self._level() * self._hours
        hours = self._hours * day * week
        self.watched = (
            float(kept_after(self._hours, self._level_memory)) * self.watched + self._hours
        )
        if kinds is not None:
            of_closed = np.where(kinds == CLOSED, self._special(kinds)[0], 1.0)
            self._learn_special(counts, level * day * week, usual, kinds)
            level, usual = level * of_closed, usual * teaches(kinds)
            hours = hours * of_closed
        self._learn_scatter(counts, forecast.mean, usual)
        for stories, expected, hour, memory, other in (
            (held.day_stories, held.day_expected, hour_of_day, DAY_MEMORY, week),
            (held.week_stories, held.week_expected, hour_of_week, WEEK_MEMORY, day),
        ):
            # A window that is wider than an hour is still one visit of the hour it starts in.
            kept = kept_after(usual * min(self._hours, 1.0), memory)
            stories[rows, hour] = kept * stories[rows, hour] + usual * counts
            expected[rows, hour] = kept * expected[rows, hour] + usual * level * other
        kept = kept_after(usual * self._hours, self._level_memory)
        held.stories = kept * held.stories + usual * counts
        held.hours = kept * held.hours + usual * hours

    def _learn_special(self, counts: Floats, expected: Floats, usual: Floats, kinds: Kinds) -> None:
        held = self.history
        rows = np.flatnonzero(kinds != ORDINARY)
        of = kinds[rows]
        kept = kept_after(usual[rows] * min(self._hours / DAY, 1.0), SPECIAL_MEMORY)
        for sums, added in ((held.special_stories, counts), (held.special_expected, expected)):
            sums[rows, of] = kept * sums[rows, of] + (usual * added)[rows]

    def start_anew(self, rows: NDArray[np.bool_], stories: Floats, hours: Floats) -> None:
        """Take `stories` in `hours` for the level of these keys: what was a surge is usual now."""
        self.history.stories[rows] = stories[rows]
        self.history.hours[rows] = hours[rows]

    def _learn_scatter(self, counts: Floats, mean: Floats, usual: Floats) -> None:
        held = self.history
        # (x - m)^2 - m has mean d m^2 and, for small d, variance m + 2 m^2; but a window is one
        # window, however many stories it has.
        weight = mean / (1 + 2 * mean)
        weight = usual * np.minimum(weight, ONE_WINDOW / mean**2)
        kept = kept_after(usual * self._hours, self._dispersion_memory)
        held.scatter = kept * held.scatter + weight * ((counts - mean) ** 2 - mean)
        held.scatter_weight = kept * held.scatter_weight + weight * mean**2

    def _level(self) -> Floats:
        held = self.history
        mean = (held.stories + LEAST_MEAN * PRIOR_HOURS) / (held.hours + PRIOR_HOURS)
        return np.maximum(mean, LEAST_MEAN)

    def _factors(self, start: float) -> tuple[Floats, Floats]:
        held = self.history
        rows, hour_of_day, hour_of_week = self._places(start)
        day = week = np.ones(len(held.hours))
        if self._hours < DAY:
            day = (DAY_PRIOR + held.day_stories[rows, hour_of_day]) / (
                DAY_PRIOR + held.day_expected[rows, hour_of_day]
            )
        if self._hours < WEEK:
            week = (WEEK_PRIOR + held.week_stories[rows, hour_of_week]) / (
                WEEK_PRIOR + held.week_expected[rows, hour_of_week]
            )
        return day, week

    def _places(self, start: float) -> tuple[Rows, Rows, Rows]:
        """[keys] each: the rows, their hours of day, and of week."""
        by_zone = {zone: _local_hour(start, zone) for zone in set(self.zones)}
        hours = np.array([by_zone[zone] for zone in self.zones], dtype=np.int64)
        return np.arange(len(hours)), hours % HOURS_OF_DAY, (hours - MONDAY) % HOURS_OF_WEEK


def _local_hour(start: float, zone: str) -> int:
    """Whole hours from 1970 to what the clock of a zone shows at `start`."""
    offset = datetime.fromtimestamp(start, ZoneInfo(zone)).utcoffset() or timedelta()
    return int((start + offset.total_seconds()) // HOUR)
