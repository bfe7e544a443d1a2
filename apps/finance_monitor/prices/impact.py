"""Returns after alerts, against windows of the same companies without an alert.

An event study with placebo windows: what an alert is worth is the mean return of the days after it
less that of windows of the same length and company that no alert is near. The interval is a
bootstrap over the days of alerts (all alerts of one day are drawn together, for they share the
market's move) and over the placebo windows (Efron and Tibshirani 1993; MacKinlay 1997, "Event
studies in economics and finance").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.prices.series import Series
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.keys import COMPANY, MARKET, kind_of
from common.errors import RefusedError

# Of fewer, an interval would promise what it does not hold.
FEWEST_ALERTS, FEWEST_DAYS, FEWEST_PLACEBOS = 10, 8, 30
DRAWS = 10_000
# Of New York, in winter.
CLOSES_AT = time(21)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Impact:
    """What came after alerts, within `ahead` trading days.

    Attributes:
        alerts, days: how many, and on how many different days they fired.
        placebos: windows that no alert is near.
        after, usual: mean return after alerts, and in placebo windows of the same companies.
        difference, low, high: of the two, and its 95 % interval.
        is_adjusted: the market's return was taken off.
    """

    ahead: int
    alerts: int
    days: int
    placebos: int
    after: float
    usual: float
    difference: float
    low: float
    high: float
    is_adjusted: bool

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class _After:
    """One alert: the day whose close it is measured from, and the return from there."""

    key: str
    day: date
    change: float


def impact(
    alerts: Sequence[Alert],
    prices: Mapping[str, Series],
    ahead: int,
    seed: int = 0,
    closes_at: time = CLOSES_AT,
) -> Impact:
    """Measure the alerts of companies.

    A return begins with the first close after the alert fired: nobody could have traded before. An
    alert within `ahead` days of the one before counts as the same event.

    Args:
        prices: with a series `market`, its return is taken off each.
        ahead: trading days.
        closes_at: when the market closes, UTC.

    Raises:
        RefusedError: too few alerts, days of alerts, or placebo windows.
    """
    market = prices.get(MARKET)
    events: list[_After] = []
    placebos: dict[str, Floats] = {}
    for key in sorted({alert.key for alert in alerts if kind_of(alert.key) == COMPANY}):
        series = prices.get(key)
        if series is None:
            continue
        fired = [one.fired_at for one in alerts if one.key == key and one.fired_at]
        alerted = _places([_tradable(at, closes_at) for at in fired], series)
        places = _apart(alerted, ahead)
        changes = {n: _change(series, n, ahead, market) for n in range(len(series.days))}
        found = [
            _After(key, series.days[n], known) for n in places if (known := changes[n]) is not None
        ]
        near = {n + step for n in alerted for step in range(-ahead, ahead + 1)}
        quiet = [known for n, known in changes.items() if known is not None and n not in near]
        if found and quiet:
            events += found
            placebos[key] = np.array(quiet)
    _require_enough(events, placebos)
    return _measure(events, placebos, ahead, market is not None, seed)


def _tradable(fired_at: datetime, closes_at: time) -> date:
    """The day with whose close somebody who heard of it could have traded."""
    at = fired_at.astimezone(UTC)
    return at.date() + timedelta(days=at.time() >= closes_at)


def _places(days: Sequence[date], series: Series) -> list[int]:
    # An alert before the first day of the series belongs to none of its days.
    found = [
        series.at_or_after(day) for day in sorted(days) if series.days and day >= series.days[0]
    ]
    return [place for place in found if place is not None]


def _apart(places: Sequence[int], ahead: int) -> list[int]:
    """Those that are the first of their event."""
    apart: list[int] = []
    for place in places:
        if not apart or place > apart[-1] + ahead:
            apart.append(place)
    return apart


def _change(series: Series, place: int, ahead: int, market: Series | None) -> float | None:
    change = series.change(place, ahead)
    if change is None or market is None:
        return change
    # Over the same days, where the market has closes of both.
    begin = market.at_or_after(series.days[place])
    end = market.at_or_after(series.days[place + ahead])
    if begin is None or end is None:
        return None
    return change - (market.closes[end] / market.closes[begin] - 1)


def _require_enough(events: Sequence[_After], placebos: Mapping[str, Floats]) -> None:
    days, windows = len({one.day for one in events}), sum(map(len, placebos.values()))
    for count, fewest, what in (
        (len(events), FEWEST_ALERTS, "alerts of companies with prices after them"),
        (days, FEWEST_DAYS, "different days of alerts"),
        (windows, FEWEST_PLACEBOS, "windows without an alert"),
    ):
        if count < fewest:
            raise RefusedError(
                f"{count} {what}, and an interval asks for at least {fewest}",
                hint="Wait for more alerts, or give prices of more companies and days.",
            )


def _measure(
    events: Sequence[_After],
    placebos: Mapping[str, Floats],
    ahead: int,
    is_adjusted: bool,
    seed: int,
) -> Impact:
    rng = np.random.default_rng(seed)
    days = sorted({one.day for one in events})
    of_day = {day: [one for one in events if one.day == day] for day in days}
    usual = {key: float(changes.mean()) for key, changes in placebos.items()}
    # Each drawn set of placebo windows, by key: [draws].
    drawn = {
        key: changes[rng.integers(0, len(changes), (DRAWS, len(changes)))].mean(1)
        for key, changes in placebos.items()
    }
    sums = np.array([sum(one.change for one in of_day[day]) for day in days])
    sizes = np.array([len(of_day[day]) for day in days])
    expected = np.array([sum(drawn[one.key] for one in of_day[day]) for day in days])
    chosen = rng.integers(0, len(days), (DRAWS, len(days)))
    rows = np.arange(DRAWS)[:, None]
    differences = (sums[chosen] - expected[chosen, rows]).sum(1) / sizes[chosen].sum(1)
    after = float(np.mean([one.change for one in events]))
    before = float(np.mean([usual[one.key] for one in events]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return Impact(
        ahead=ahead,
        alerts=len(events),
        days=len(days),
        placebos=sum(map(len, placebos.values())),
        after=after,
        usual=before,
        difference=after - before,
        low=float(low),
        high=float(high),
        is_adjusted=is_adjusted,
    )
