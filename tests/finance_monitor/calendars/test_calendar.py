"""Days that are not like others: how they are read, and what the baseline makes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from news import MONDAY, at, story

from apps.finance_monitor.calendars.calendar import Calendar
from apps.finance_monitor.calendars.entry import Entry
from apps.finance_monitor.calendars.reading import read_calendar
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.surges.baseline import HOUR, Baseline
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import SurgeDetector
from apps.finance_monitor.surges.times import CLOSED, EARNINGS, HOLIDAY, ORDINARY
from apps.finance_monitor.watch.monitor import Monitor, Rules
from benchmarks.surges import false_alarms
from common.errors import UserError

KEYS = {"market": 0, "company/Alba": 1, "topic/credit": 2}
ENTITIES = EntityList([Entity(name="Alba", aliases=["Alba AG"])])


def _entry(**given: str) -> Entry:
    return Entry.model_validate({"date": "2026-03-10", "kind": "holiday"} | given)


def _kinds(calendar: Calendar, *when: int) -> list[int]:
    start = datetime(2026, 3, *when, tzinfo=UTC).timestamp()
    return calendar.kinds(start, HOUR, KEYS).tolist()


def test_a_day_is_that_of_its_zone_and_key() -> None:
    calendar = Calendar([_entry(timezone="Asia/Shanghai"), _entry(kind="earnings", key="Alba")])
    assert _kinds(calendar, 9, 15) == [ORDINARY] * 3
    assert _kinds(calendar, 9, 16) == [HOLIDAY] * 3
    assert _kinds(calendar, 10, 12) == [HOLIDAY, EARNINGS, HOLIDAY]
    assert _kinds(calendar, 10, 16) == [ORDINARY, EARNINGS, ORDINARY]


def test_a_calendar_may_be_written_in_any_spelling() -> None:
    hours = _entry(date="２０２６－０３－１０", kind="時段", key="市場", hours="０９：３０～13:00")
    for entry in (hours, _entry(kind="業績", key="Alba"), _entry(key=" Market")):
        assert entry.is_for_all is (entry.kind != "earnings")
    assert hours.date == datetime(2026, 3, 10).date()
    assert [f"{one:%H:%M}" for one in hours.span] == ["09:30", "13:00"]


def test_outside_its_hours_a_short_day_is_a_holiday() -> None:
    calendar = Calendar([_entry(kind="hours", hours="09:00-13:00", key="credit")])
    hours = {hour: _kinds(calendar, 10, hour)[2] for hour in (8, 9, 12, 13)}
    assert hours == {8: HOLIDAY, 9: ORDINARY, 12: ORDINARY, 13: HOLIDAY}
    assert _kinds(calendar, 10, 20)[:2] == [ORDINARY, ORDINARY]


def test_a_table_is_read_with_names_of_companies(tmp_path: Path) -> None:
    path = tmp_path / "calendar.csv"
    path.write_text(
        "date,kind,key,hours,timezone\n2026-03-10,业绩,alba ag,,\n"
        "2026-03-10,hours,,09:30-13:00,Europe/London\n",
        encoding="utf-8",
    )
    calendar = read_calendar(path, ENTITIES, ["credit"])
    assert _kinds(calendar, 10, 10) == [ORDINARY, EARNINGS, ORDINARY]
    assert _kinds(calendar, 10, 15) == [HOLIDAY, EARNINGS, HOLIDAY]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("10 March,holiday,,,", "date"),
        ("2026-03-10,feast,,,", "kind"),
        ("2026-03-10,earnings,,,", "earnings are of one company"),
        ("2026-03-10,hours,,,", 'write them like "09:30-13:00"'),
        ("Mon-Fri,hours,,09:30Z-16:00Z,", 'write them like "09:30-13:00"'),
        ("2026-03-10,hours,,13:00-09:30,", "end before they begin"),
        ("2026-03-10,holiday,,09:30-13:00,", "told by the kind `hours` alone"),
        ("2026-03-10,holiday,,,Mars", "no such zone"),
        ("2026-03-10,earnings,Albo,,", "Did you mean Alba?"),
        ("Mon-Fry,hours,,09:30-16:00,", "days of the week like Mon-Fri"),
        ("Mon-Tue-Wed,hours,,09:30-16:00,", "days of the week like Mon-Fri"),
        ("Sat-Sun,holiday,,,", "only the hours are told"),
        ("Mon-Fri,hours,Albo,09:30-16:00,", "'Albo' on days of the week"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "calendar.csv"
    path.write_text(f"date,kind,key,hours,timezone\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_calendar(path, ENTITIES, ["credit"])
    assert said in str(caught.value)


def _learned(kind: int, factor: float, days: int = 60, every: int = 15) -> Baseline:
    """A key of four stories an hour, and days of a kind with a factor of it."""
    baseline = Baseline(HOUR)
    baseline.grow(1)
    for hour in range(24 * days):
        kinds = np.array([kind if hour // 24 % every == every - 1 else ORDINARY])
        count = np.array([4.0 * (factor if kinds[0] else 1)])
        start = hour * HOUR
        baseline.learn(start, count, baseline.forecast(start, kinds), np.ones(1), kinds)
    return baseline


@pytest.mark.parametrize(("kind", "factor"), [(HOLIDAY, 0.25), (EARNINGS, 5.0)])
def test_a_kind_of_day_is_learned_and_leaves_the_usual_as_it_was(kind: int, factor: float) -> None:
    baseline, start = _learned(kind, factor), 24 * 60 * HOUR
    assert baseline.forecast(start).mean[0] == pytest.approx(4, rel=0.1)
    special = baseline.forecast(start, np.array([kind])).mean[0]
    assert special == pytest.approx(4 * factor, rel=0.25)


def test_before_any_was_seen_a_holiday_is_usual_and_earnings_are_busy() -> None:
    baseline, start = _learned(ORDINARY, 1), 24 * 60 * HOUR
    usual = baseline.forecast(start).mean[0]
    assert baseline.forecast(start, np.array([HOLIDAY])).mean[0] == usual
    assert baseline.forecast(start, np.array([EARNINGS])).mean[0] == 3 * usual


def test_a_silent_holiday_is_no_outage() -> None:
    baseline = _learned(ORDINARY, 1)
    day = [24 * 60 * HOUR + hour * HOUR for hour in range(24)]
    assert baseline.is_outage((start, None) for start in day)
    assert not baseline.is_outage((start, np.array([HOLIDAY])) for start in day)


def test_a_busy_day_of_earnings_raises_no_alert_and_others_do() -> None:
    stories = [
        story(f"{hour}-{i}", hour + i / 10, "negative", entities=("Alba",), topics=())
        for hour in range(24 * 13)
        for i in range(9 if 24 * 11 <= hour < 24 * 12 else 3)
    ]

    def fired(calendar: Calendar | None) -> bool:
        monitor = Monitor(Rules(parse_budget("1 per 30d"), calendar=calendar), list(KEYS))
        for one in stories:
            monitor.observe(one)
        monitor.finish()
        return any(c.alert.key == "company/Alba" for c in monitor.take_changes()[0])

    day = f"{at(24 * 11):%Y-%m-%d}"
    assert (MONDAY.day, day) == (2, "2026-03-13")
    assert fired(None)
    assert not fired(Calendar([_entry(kind="earnings", key="Alba", date=day)]))
    assert fired(Calendar([_entry(kind="earnings", key="Borel", date=day)]))


def test_a_detector_of_a_version_before_knows_no_such_days() -> None:
    detector = SurgeDetector(HOUR)
    detector.grow(2)
    detector.judge(0.0, np.ones(2), np.ones(2), 100.0)
    import io

    with np.load(io.BytesIO(detector.to_bytes()), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files if not name.startswith("special")}
    file = io.BytesIO()
    np.savez(file, **arrays)
    restored = SurgeDetector.from_bytes(file.getvalue())
    restored.judge(HOUR, np.ones(2), np.ones(2), 100.0, kinds=np.array([HOLIDAY, EARNINGS]))
    assert restored.baseline.history.stories.tolist() == detector.baseline.history.stories.tolist()


def test_the_promise_is_kept_with_the_calendar_and_not_without() -> None:
    told = false_alarms("calendar", 3, share_test=False, seed=1, days=120)
    untold = false_alarms("calendar", 3, share_test=False, seed=1, days=120, told=False)
    # Of what is promised, one per 30 days, it is not more by more than chance.
    assert told["low"] <= 1
    assert untold["low"] > 3


NEW_YORK = {"kind": "hours", "hours": "09:30-16:00", "timezone": "America/New_York"}


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ("Mon-Fri", {0, 1, 2, 3, 4}),
        ("monday – Friday", {0, 1, 2, 3, 4}),
        ("Tue, Thurs", {1, 3}),
        ("Sat-Mon", {5, 6, 0}),
        ("周一至周五", {0, 1, 2, 3, 4}),
        ("星期六、周日", {5, 6}),
        ("周一～周五", {0, 1, 2, 3, 4}),
        ("礼拜一到礼拜三、周末", {0, 1, 2, 5, 6}),
        ("工作日", {0, 1, 2, 3, 4}),
        ("weekdays", {0, 1, 2, 3, 4}),
        ("Mon to Wed", {0, 1, 2}),
        ("Ｍon－Fri", {0, 1, 2, 3, 4}),
        ("週一至週五", {0, 1, 2, 3, 4}),
    ],
)
def test_days_of_the_week_are_read(given: str, days: set[int]) -> None:
    assert _entry(date=given, kind="hours", hours="09:30-16:00").date == days


@pytest.mark.parametrize("hours", ["09:30至16:00", "09:30 – 16:00", "09：30～16：00"])
def test_hours_are_read_as_people_write_them(hours: str) -> None:
    begin, end = _entry(date="Mon-Fri", kind="hours", hours=hours).span
    assert (begin.isoformat(), end.isoformat()) == ("09:30:00", "16:00:00")


def test_weekly_hours_are_those_of_the_key_and_follow_summer_time() -> None:
    calendar = Calendar(
        [
            _entry(date="Mon-Fri", **NEW_YORK),
            _entry(date="Mon-Fri", kind="hours", key="Alba", hours="09:00-11:30"),
            _entry(date="Mon-Fri", kind="hours", key="Alba", hours="13:00-15:00"),
        ]
    )
    # Until 7 March New York is five hours behind, from the 8th on four.
    assert _kinds(calendar, 6, 14) == [ORDINARY, ORDINARY, ORDINARY]
    assert _kinds(calendar, 6, 13) == [CLOSED, ORDINARY, CLOSED]
    assert _kinds(calendar, 9, 13) == [ORDINARY, ORDINARY, ORDINARY]
    assert _kinds(calendar, 9, 12) == [CLOSED, CLOSED, CLOSED]
    assert _kinds(calendar, 7, 15) == [CLOSED] * 3
    assert calendar.zones(KEYS) == ["America/New_York", "UTC", "America/New_York"]


def test_a_dated_row_goes_before_weekly_hours() -> None:
    short = NEW_YORK | {"date": "2026-03-10", "hours": "09:30-13:00"}
    late = NEW_YORK | {"date": "2026-03-11", "hours": "09:30-20:00"}
    calendar = Calendar(
        [
            _entry(date="Mon-Fri", **NEW_YORK),
            _entry(**short),
            _entry(**late),
            _entry(date="2026-03-12", timezone="America/New_York"),
            _entry(date="2026-03-13", kind="earnings", key="Alba", timezone="America/New_York"),
        ]
    )
    hours = {hour: _kinds(calendar, 10, hour)[0] for hour in (14, 18, 21)}
    assert hours == {14: ORDINARY, 18: HOLIDAY, 21: CLOSED}
    assert _kinds(calendar, 11, 22) == [ORDINARY] * 3
    assert _kinds(calendar, 12, 15) == [HOLIDAY] * 3
    assert _kinds(calendar, 13, 22) == [CLOSED, EARNINGS, CLOSED]
    day = datetime(2026, 3, 10, tzinfo=UTC).timestamp()
    assert calendar.kinds(day, 24 * HOUR, KEYS).tolist() == [ORDINARY] * 3


def _fed(calendar: Calendar | None, days: int) -> Monitor:
    """Ten stories an hour while New York trades, of which four are bad, and none at night."""
    weekly = Calendar([_entry(date="Mon-Fri", **NEW_YORK)])
    monitor = Monitor(Rules(parse_budget("1 per 30d"), calendar=calendar), ["market"])
    for hour in range(24 * days):
        if weekly.kinds(at(hour).timestamp(), HOUR, {"market": 0})[0] == ORDINARY:
            for i in range(10):
                label = "negative" if i < 4 else "neutral"
                monitor.observe(story(f"{hour}-{i}", hour + i / 10, label, topics=()))
    return monitor


def _expected(monitor: Monitor, calendar: Calendar, hours: float) -> float:
    start = (MONDAY + timedelta(hours=hours)).timestamp()
    kinds = calendar.kinds(start, HOUR, {"market": 0})
    return float(monitor.detector.baseline.forecast(start, kinds).mean[0])


def test_quiet_nights_are_known_after_a_few_and_keep_their_place_in_summer_time() -> None:
    calendar = Calendar([_entry(date="Mon-Fri", **NEW_YORK)])
    monitor = _fed(calendar, 5)
    night, noon = 24 * 4 + 4, 24 * 4 + 17
    assert _expected(monitor, calendar, night) < 0.15
    assert _expected(monitor, calendar, noon) == pytest.approx(4, rel=0.35)
    untold = Calendar([])
    assert _expected(_fed(untold, 5), untold, night) > 0.4
    # The hour before the first one that is open, before and after the clocks change.
    weeks = _fed(calendar, 19)
    opens = _expected(weeks, calendar, 24 * 4 + 14), _expected(weeks, calendar, 24 * 14 + 13)
    assert opens[0] == pytest.approx(opens[1], rel=0.2)
    assert _expected(weeks, calendar, 24 * 14 + 12) < 0.4
    assert not weeks.take_changes()[0]


@pytest.mark.parametrize(
    ("hours", "busy"),
    [
        (24, lambda when: when.weekday() < 5),
        (6, lambda when: when.hour == 12),
        (2, lambda when: when.hour == 14),
    ],
)
def test_wide_windows_keep_what_they_know_when_summer_time_begins(
    hours: int, busy: Callable[[datetime], bool]
) -> None:
    baseline = Baseline(hours * HOUR)
    baseline.grow(1)
    summer = datetime(2026, 3, 9, tzinfo=UTC)
    for ago in range(24 // hours * 70, 0, -1):
        when = summer - ago * timedelta(hours=hours)
        baseline.follow(["America/New_York"], when.timestamp())
        told = baseline.forecast(when.timestamp())
        baseline.learn(
            when.timestamp(), np.array([100.0 if busy(when) else 10.0]), told, np.ones(1)
        )
    for ahead in range(24 // hours * 7):
        when = summer + ahead * timedelta(hours=hours)
        baseline.follow(["America/New_York"], when.timestamp())
        mean = baseline.forecast(when.timestamp()).mean[0]
        assert mean > 85 if busy(when) else mean < 25


def test_what_was_learned_by_another_clock_is_moved_to_this_one() -> None:
    baseline = Baseline(HOUR)
    baseline.grow(2)
    for hour in range(24 * 28):
        count = np.full(2, 8.0 if hour % 24 == 14 else 1.0)
        baseline.learn(hour * HOUR, count, baseline.forecast(hour * HOUR), np.ones(2))
    now = 24 * 28 * HOUR
    before = baseline.forecast(now + 14 * HOUR).mean
    baseline.follow(["Asia/Shanghai", "UTC"], now)
    assert baseline.forecast(now + 14 * HOUR).mean.tolist() == before.tolist()
    detector = SurgeDetector(HOUR)
    detector.grow(2)
    detector.baseline.follow(["Asia/Shanghai", "UTC"], now)
    restored = SurgeDetector.from_bytes(detector.to_bytes())
    assert restored.baseline.zones == ["Asia/Shanghai", "UTC"]
