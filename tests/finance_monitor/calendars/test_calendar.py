"""Days that are not like others: how they are read, and what the baseline makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from news import MONDAY, at, story

from apps.finance_monitor.calendars.calendar import Calendar, Entry, read_calendar
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.surges.baseline import EARNINGS, HOLIDAY, HOUR, ORDINARY, Baseline
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import SurgeDetector
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
        ("2026-03-10,hours,,13:00-09:30,", "end before they begin"),
        ("2026-03-10,holiday,,09:30-13:00,", "told by the kind `hours` alone"),
        ("2026-03-10,holiday,,,Mars", "no such zone"),
        ("2026-03-10,earnings,Albo,,", "Did you mean Alba?"),
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
