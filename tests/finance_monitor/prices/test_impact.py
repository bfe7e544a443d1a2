"""Returns after alerts: measured from a close that could be traded, and refused where few."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from command_line import run_here
from receiving import an_alert

from apps.finance_monitor.prices.impact import impact
from apps.finance_monitor.prices.live import PriceFile
from apps.finance_monitor.prices.series import Series, read_prices
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.surges.alert import Alert
from common.errors import RefusedError, UserError

FIRST = date(2026, 1, 5)
DAYS = 240
ALERTED = range(10, 230, 18)


def _alerts(key: str = "company/Alba") -> list[Alert]:
    return [
        an_alert(f"{key}{n}", "resolved", key).model_copy(
            update={"fired_at": datetime(2026, 1, 5, 15, tzinfo=UTC) + timedelta(days=n)}
        )
        for n in ALERTED
    ]


def _series(fall: float, seed: int = 1) -> Series:
    """Noise of one percent a day; the day after an alert falls by so much more."""
    rng = np.random.default_rng(seed)
    changes = rng.normal(0, 0.01, DAYS)
    changes[[n + 1 for n in ALERTED]] -= fall
    closes = (100 * np.cumprod(1 + changes)).tolist()
    return Series([FIRST + timedelta(days=n) for n in range(DAYS)], closes, [None] * DAYS)


def test_no_alert_is_near_a_placebo_window_be_it_the_second_of_its_event() -> None:
    firsts = _alerts()
    seconds = [
        one.model_copy(update={"fired_at": one.fired_at + timedelta(days=3)})
        for one in firsts
        if one.fired_at
    ]
    prices = {"company/Alba": _series(0.04)}
    alone, both = (impact(some, prices, 3) for some in (firsts, [*firsts, *seconds]))
    assert both.alerts == alone.alerts == len(ALERTED)
    # Three more days after each second alert are near one.
    assert both.placebos == alone.placebos - 3 * len(ALERTED)


def test_a_fall_after_alerts_is_found() -> None:
    found = impact(_alerts(), {"company/Alba": _series(0.04)}, 1)
    assert (found.alerts, found.is_clear, found.is_adjusted) == (len(ALERTED), True, False)
    assert found.low < -0.04 < found.high < 0
    assert found.usual == pytest.approx(0, abs=0.003)


def test_chance_is_seldom_taken_for_more() -> None:
    clear = [
        impact(_alerts(), {"company/Alba": _series(0, seed)}, 1).is_clear for seed in range(20)
    ]
    assert sum(clear) <= 4


def test_a_fall_that_the_market_shares_is_none_of_the_alerts() -> None:
    prices = {"company/Alba": _series(0.04), "market": _series(0.04)}
    found = impact(_alerts(), prices, 1)
    assert found.is_adjusted
    assert found.difference == pytest.approx(0)


def test_what_fell_before_somebody_could_trade_is_none_of_the_alerts() -> None:
    prices = {"company/Alba": _series(0.04)}
    assert impact(_alerts(), prices, 1, closes_at=time(15, 1)).is_clear
    # All of them fired at 15:00.
    assert not impact(_alerts(), prices, 1, closes_at=time(15)).is_clear


def test_alerts_of_one_event_count_once() -> None:
    twice = [*_alerts(), *_alerts()]
    assert impact(twice, {"company/Alba": _series(0)}, 5).alerts == len(ALERTED)


@pytest.mark.parametrize(
    ("alerts", "days", "said"),
    [
        (_alerts()[:9], DAYS, "9 alerts of companies"),
        (_alerts("topic/credit"), DAYS, "0 alerts of companies"),
        (_alerts(), 200, "windows without an alert"),
    ],
)
def test_too_few_are_refused(alerts: list[Alert], days: int, said: str) -> None:
    series = _series(0)
    if days < DAYS:
        # Only the days around the alerts are known.
        keep = [n for n in range(DAYS) if any(0 <= n - a <= 3 for a in ALERTED)]
        series = Series([series.days[n] for n in keep], [series.closes[n] for n in keep], [])
    with pytest.raises(RefusedError) as caught:
        impact(alerts, {"company/Alba": series}, 1)
    assert said in str(caught.value)


def test_prices_go_by_any_name_and_a_day_stands_once(tmp_path: Path) -> None:
    listed = EntityList([Entity(name="Alba", ticker="ALB")])
    path = tmp_path / "prices.csv"
    path.write_text("date,key,close,volume\n2026-03-03,ALB,9.5,100\n2026-03-02,Alba,10,\n")
    series = read_prices(path, listed)["company/Alba"]
    assert (series.closes, series.volumes) == ([10, 9.5], [None, 100])
    path.write_text("date,key,close\n2026-03-02,Market,9.5\n2026-03-03,市場,10\n")
    assert [*read_prices(path, listed)] == ["market"]
    path.write_text("date,key,close\n2026-03-02,ALB,9.5\n2026-03-02,Alba,10\n")
    with pytest.raises(UserError, match="twice"):
        read_prices(path, listed)
    path.write_text("date,key,close\n2026-03-02,ALB,0\n")
    with pytest.raises(UserError, match="close"):
        read_prices(path, listed)


def test_the_command_line_measures_and_refuses(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    series = _series(0.04)
    rows = [f"{day},Alba,{close}" for day, close in zip(series.days, series.closes, strict=True)]
    prices.write_text("\n".join(["date,key,close", *rows]))
    store = Store(store_path(tmp_path / "var" / "finance_monitor"))
    with store.transaction():
        for alert in _alerts():
            store.write_alert(alert, None)
    store.close()
    asked = ("impact", "--prices", prices, "--store", tmp_path / "var", "--json")
    done = run_here("finance_monitor", *asked, "--days", 1, "--closes-at", "16:30")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["impact"]
    assert one["is_clear"]
    assert run_here("finance_monitor", *asked, "--days", 100).returncode == 3


def test_a_file_that_changes_is_read_again_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"

    def write(text: str, changed_at: int) -> None:
        path.write_text(text)
        os.utime(path, ns=(changed_at, changed_at))

    def closes() -> list[float]:
        found = prices.between("company/Alba", day.timestamp(), day.timestamp() + 86400)
        return [one["close"] for one in found]

    day = datetime(2026, 3, 2, tzinfo=UTC)
    write("date,key,close\n2026-03-02,Alba,10\n2026-03-04,Alba,11\n", 1)
    prices = PriceFile(path, lambda: None)
    assert closes() == [10]
    write("date,key,close\n2026-03-02,Alba,12\n", 2)
    assert closes() == [12]
    write("date,key,close\n2026-03-02,Alba,-1\n", 3)
    assert closes() == [12]
