"""Windows of several widths: one budget, and one alert for an event."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from news import at, quiet_then_surge
from receiving import an_alert

from apps.finance_monitor.alerts.life import Change, Event
from apps.finance_monitor.surges.alert import Severity, Window
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.keys import keys_for
from apps.finance_monitor.watch.monitor import Monitor, Rules
from apps.finance_monitor.watch.running import Options
from apps.finance_monitor.watch.scale import Events
from benchmarks.surges import false_alarms_of_widths
from common.durations import as_period
from common.errors import UserError

HOUR, DAY = 3600.0, 86400.0
RULES = Rules(parse_budget("1 per 30d"), wider=[DAY])


def _monitor() -> Monitor:
    return Monitor(RULES, keys_for(["credit"], ["Alba"]))


def _told(monitor: Monitor) -> list[tuple[str, str, str]]:
    return [(c.event, c.alert.alert_id, c.alert.key) for c in monitor.take_changes()[0]]


def test_a_surge_that_both_widths_see_is_one_alert() -> None:
    monitor = _monitor()
    for one in quiet_then_surge():
        monitor.observe(one)
    monitor.finish()
    changes = [c for c in monitor.take_changes()[0] if c.alert.key == "company/Alba"]
    assert [c.event for c in changes if c.event != "severity"] == ["firing", "resolved"]
    assert len({c.alert.alert_id for c in changes}) == 1
    assert monitor.open_alerts == {}


def test_a_restart_anywhere_changes_nothing() -> None:
    undisturbed = _monitor()
    for one in quiet_then_surge():
        undisturbed.observe(one)
    undisturbed.finish()
    rng, monitor, told = random.Random(3), _monitor(), []
    for one in quiet_then_surge():
        monitor.observe(one)
        if rng.random() < 0.02:
            kept = monitor.to_json()
            detectors = {name: one.to_bytes() for name, one in monitor.detectors.items()}
            told += _told(monitor)
            monitor = _monitor()
            monitor.restore(kept, detectors)
    monitor.finish()
    assert told + _told(monitor) == _told(undisturbed)


def _change(event: Event, hours: float, width: float, severity: Severity = "notice") -> Change:
    """Of a window that ends so many hours after Monday."""
    alert = an_alert(f"{width:g}", "resolved" if event == "resolved" else "firing")
    window = Window(start=at(hours) - timedelta(seconds=width), end=at(hours))
    return Change(event, alert.model_copy(update={"window": window, "severity": severity}), 0)


def _passed(events: Events, width: float, *changes: Change) -> list[tuple[str, str, str]]:
    found = events.take(width, changes)
    return [(one.event, one.alert.alert_id, one.alert.severity) for one in found]


def test_what_another_width_sees_meanwhile_is_no_alert_and_may_raise_the_severity() -> None:
    events = Events()
    assert _passed(events, HOUR, _change("firing", 10, HOUR)) == [("firing", "3600", "notice")]
    assert _passed(events, DAY, _change("firing", 24, DAY)) == []
    worse = _change("severity", 48, DAY, "critical")
    assert _passed(events, DAY, worse) == [("severity", "3600", "critical")]
    ended = [("resolved", "3600", "critical")]
    assert _passed(events, HOUR, _change("resolved", 60, HOUR)) == ended
    # The wide one goes on, of the same event, and is not heard of.
    assert _passed(events, DAY, _change("severity", 72, DAY, "critical")) == []
    assert _passed(events, DAY, _change("resolved", 96, DAY)) == []
    assert _passed(events, DAY, _change("firing", 144, DAY)) == [("firing", "86400", "notice")]


def test_a_day_that_was_told_by_its_hours_is_not_told_again() -> None:
    events = Events()
    _passed(events, HOUR, _change("firing", 10, HOUR), _change("resolved", 17, HOUR))
    assert _passed(events, DAY, _change("firing", 24, DAY)) == []
    assert _passed(events, HOUR, _change("firing", 30, HOUR)) == [("firing", "3600", "notice")]


def test_alerts_of_a_width_that_is_judged_no_more_are_resolved() -> None:
    events = Events()
    _passed(events, DAY, _change("firing", 24, DAY))
    assert Events().restore(events.to_json(), [HOUR, DAY]) == []
    again = Events()
    (ended,) = again.restore(events.to_json(), [HOUR])
    assert (ended.alert_id, ended.status, ended.ends_at) == ("86400", "resolved", at(24))
    assert ended.annotations["ended"] == "windows no longer judged"
    assert again.open == {}
    assert _passed(again, HOUR, _change("firing", 30, HOUR)) == [("firing", "3600", "notice")]


def test_a_watch_that_judges_one_width_less_tells_what_ended() -> None:
    events = Events()
    _passed(events, DAY, _change("firing", 24, DAY))
    kept = _monitor().to_json() | {"events": events.to_json()}
    narrower = Monitor(replace(RULES, wider=[]), [])
    narrower.restore(kept, {})
    assert [(event, alert) for event, alert, _ in _told(narrower)] == [("resolved", "86400")]
    assert narrower.alerts == []


def test_a_width_is_told_by_its_shortest_name() -> None:
    assert [as_period(seconds) for seconds in (60, 5400, 3600, DAY, 7 * DAY)] == [
        *("1min", "90min", "1h"),
        *("1d", "1w"),
    ]


def test_the_parts_of_the_budget_add_up() -> None:
    rules = Options(window="1h, 1d", false_alarms="1 per 30d").rules()
    assert rules.widths == [HOUR, DAY]
    assert 2 * rules.budget.part(2).count == rules.budget.count


@pytest.mark.parametrize("window", ["1h,1h", "2h,3h", "1h,30d"])
def test_widths_without_sense_are_refused(window: str) -> None:
    with pytest.raises(UserError, match="--window"):
        Options(window=window).rules()


def test_all_widths_together_keep_the_promise() -> None:
    # One per 30 days is promised, four in all; three standard errors of that.
    assert false_alarms_of_widths((1, 24), 2, seed=5, days=60) <= 1 + 3 / 4**0.5
