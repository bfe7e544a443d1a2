"""When somebody is there, and what a customer is told who waits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from apps.customer_service.tickets.waiting.hours import Hours, load_hours
from apps.customer_service.tickets.waiting.notice import expectation
from common.errors import UserError

FILE = """
zone = "Europe/Berlin"
holidays = ["2026-12-25", 2026-12-28]
[days]
monday = ["09:00-12:00", "13:00-18:00"]
tuesday = "09:00-24:00"
friday = ["08:00-16:00"]
"""


@pytest.fixture
def hours(tmp_path: Path) -> Hours:
    path = tmp_path / "hours.toml"
    path.write_text(FILE, encoding="utf-8")
    return load_hours(path)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        ("2026-11-30T09:00+01:00", True, "2026-11-30T13:00+01:00"),
        ("2026-11-30T12:30+01:00", False, "2026-11-30T13:00+01:00"),
        ("2026-12-01T23:59+01:00", True, "2026-12-04T08:00+01:00"),
        ("2026-12-04T16:00+01:00", False, "2026-12-07T09:00+01:00"),
        # Christmas is a Friday, and the Monday after it is given as a date.
        ("2026-12-25T10:00+01:00", False, "2026-12-29T09:00+01:00"),
        # The clock was set back in the night; the business opens at its own nine o'clock.
        ("2026-10-25T12:00+01:00", False, "2026-10-26T09:00+01:00"),
    ],
)
def test_hours_go_by_the_business_s_own_clock(
    hours: Hours, moment: str, is_open: bool, opens: str
) -> None:
    assert hours.is_open(at(moment)) == is_open
    assert hours.next_opening(at(moment)) == at(opens)


def test_a_business_that_never_opens_promises_nothing(hours: Hours) -> None:
    never = Hours(hours.zone, {})
    assert never.next_opening(at("2026-11-30T09:00+01:00")) is None
    assert expectation(never, [], "en", at("2026-11-30T09:00+01:00")) is None


@pytest.mark.parametrize(
    ("language", "moment", "told"),
    [
        ("en", "2026-11-30T08:00+01:00", "today from 09:00 (Europe/Berlin)"),
        ("en", "2026-11-30T20:00+01:00", "tomorrow from 09:00"),
        ("en", "2026-12-04T17:00+01:00", "on Monday, 7 December from 09:00"),
        ("zh", "2026-12-04T17:00+01:00", "12月7日周一 09:00 上班"),
        ("other", "2026-11-30T20:00+01:00", "tomorrow"),
    ],
)
def test_outside_them_it_is_told_when_somebody_comes(
    hours: Hours, language: str, moment: str, told: str
) -> None:
    assert told in str(expectation(hours, [(0.0, 60.0)] * 9, language, at(moment)))


def test_a_zone_is_told_by_the_name_that_customers_use(hours: Hours) -> None:
    china = Hours(ZoneInfo("Asia/Shanghai"), hours.days)
    now = at("2026-11-30T20:00+08:00")
    assert "明天 09:00 上班（北京时间）" in str(expectation(china, [], "zh", now))
    assert "(Asia/Shanghai)" in str(expectation(china, [], "en", now))


def test_within_them_the_median_wait_is_told(hours: Hours) -> None:
    now = at("2026-11-30T10:00+01:00")
    begun = now.timestamp() - 3600
    waits = [(begun, begun + wait) for wait in (30, 250, 9000)]
    assert "about 5 minutes" in str(expectation(hours, waits, "en", now))
    assert "5 分钟" in str(expectation(None, waits, "zh", now))
    assert expectation(hours, waits[:2], "en", now) is None
    # Who came at night waited for the morning: that is no wait.
    night = at("2026-11-29T23:00+01:00").timestamp()
    assert expectation(hours, [(night, night + 60)] * 9, "en", now) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('zone = "Berlin"\n[days]\nmonday = "09:00-10:00"', "not a time zone: 'Berlin'"),
        ('zone = "UTC"', "days are missing"),
        ('zone = "UTC"\n[days]\nmoonday = "09:00-10:00"', "no day: moonday"),
        ('zone = "UTC"\n[days]\nmonday = "9 to 5"', "monday: not a span of hours: '9 to 5'"),
        ('zone = "UTC"\n[days]\nmonday = "18:00-09:00"', "not a span of hours"),
        ('zone = "UTC"\nask_contact = "yes"\n[days]\nmonday = "9:00-10:00"', "neither true nor"),
        ('zone = "UTC"\n[days]\nmonday = ["09:00-12:00", "11:00-13:00"]', "overlap at 11:00"),
        ('zone = "UTC"\nholidays = ["Xmas"]\n[days]\nmonday = "09:00-10:00"', "not a day: 'Xmas'"),
        ('zones = "UTC"', "not known: zones"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_reason(
    tmp_path: Path, wrong: str, told: str
) -> None:
    path = tmp_path / "hours.toml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        load_hours(path)
