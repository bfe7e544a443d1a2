"""Windows, late and doubtful records, and the life of an alert."""

from __future__ import annotations

import json
import math
import random

import pytest
from news import at, quiet_then_surge, story, towards
from pydantic import ValidationError

from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.keys import keys_for
from apps.finance_monitor.surges.windows import Clock, Windows
from apps.finance_monitor.watch.monitor import Closed, Monitor, Rules

RULES = Rules(parse_budget("1 per 30d"))


def _monitor(rules: Rules = RULES) -> Monitor:
    return Monitor(rules, keys_for(["credit"], ["Alba"]))


def _run(
    stories: list[ScoredRecord], monitor: Monitor | None = None
) -> tuple[list[Change], list[Closed]]:
    monitor = monitor or _monitor()
    for one in stories:
        monitor.observe(one)
    monitor.finish()
    changes, closed, _ = monitor.take_changes()
    return changes, closed


def _on(changes: list[Change], key: str) -> list[Change]:
    return [change for change in changes if change.alert.key == key]


def test_a_surge_raises_one_alert_and_ends_it() -> None:
    changes, _ = _run(quiet_then_surge())
    ours = _on(changes, "company/Alba")
    assert [c.event for c in ours if c.event != "severity"] == ["firing", "resolved"]
    assert len({c.alert.alert_id for c in ours}) == 1
    fired, resolved = ours[0].alert, ours[-1].alert
    assert fired.starts_at == at(240)
    assert fired.fired_at == at(241)
    assert fired.observed == 12
    assert fired.expected < 1
    assert resolved.severity == "critical"
    assert resolved.ends_at == at(248)


def test_an_alert_fires_only_after_its_delay() -> None:
    rules = Rules(RULES.budget, delay=3 * 3600)
    changes, _ = _run(quiet_then_surge(), _monitor(rules))
    ours = [c for c in _on(changes, "company/Alba") if c.event != "severity"]
    assert [c.event for c in ours] == ["pending", "firing", "resolved"]
    assert ours[1].alert.fired_at == at(244)
    short, _ = _run(quiet_then_surge(surge_hours=1), _monitor(Rules(RULES.budget, delay=24 * 3600)))
    assert [c.event for c in _on(short, "company/Alba")] == ["pending", "resolved"]
    assert _on(short, "company/Alba")[-1].alert.fired_at is None


def test_severity_rises_and_never_falls() -> None:
    changes, _ = _run(quiet_then_surge(surge_hours=20, per_hour=4))
    severities = [c.alert.severity for c in _on(changes, "company/Alba")]
    order = ["notice", "warning", "critical"]
    assert severities == sorted(severities, key=order.index)
    assert len(set(severities)) > 1


def test_copies_count_once() -> None:
    stories = quiet_then_surge()
    copied = [
        one.model_copy(update={"duplicate_of": "s0-0"})
        if one.id.startswith("s") and one.id != "s0-0"
        else one
        for one in stories
    ]
    monitor = _monitor()
    changes, _ = _run(copied, monitor)
    assert not changes
    assert monitor.tally["duplicates"] == 8 * 12 - 1


def test_the_order_within_the_allowed_lateness_does_not_matter() -> None:
    stories = quiet_then_surge()
    shuffled = sorted(stories, key=lambda one: (one.published_at.timestamp() // 240, hash(one.id)))
    assert [one.id for one in shuffled] != [one.id for one in stories]
    plain = [(c.event, c.alert.window.end, c.alert.observed) for c in _run(stories)[0]]
    assert plain == [(c.event, c.alert.window.end, c.alert.observed) for c in _run(shuffled)[0]]


def test_a_late_story_is_counted_and_kept_for_the_trend() -> None:
    monitor = _monitor()
    monitor.observe(story("a", 1.5))
    monitor.observe(story("b", 2.2))
    monitor.observe(story("late", 1.1))
    _, closed, late = monitor.take_changes()
    assert [window.start for window in closed] == [at(1).timestamp()]
    assert monitor.tally["late"] == 1
    assert [one.start for one in late] == [at(1).timestamp()]
    assert late[0].keys == {"market": "negative", "topic/credit": "negative"}


def test_each_company_counts_what_is_said_of_it() -> None:
    monitor = _monitor()
    split = story("split", 0.5, "positive", topics=(), entities=("Alba", "Borel", "Cinder"))
    split.targets = towards(Alba="negative", Borel="neutral")
    monitor.observe(split)
    monitor.finish()
    _, [closed], _ = monitor.take_changes()
    assert closed.counts["market"] == closed.counts["company/Cinder"] == [0, 1, 1]
    assert closed.counts["company/Alba"] == [1, 0, 1]
    assert closed.counts["company/Borel"] == [0, 0, 1]


def test_a_window_waits_for_its_lateness() -> None:
    windows = Windows(3600, 300)
    windows.add(10, {"market": "negative"})
    assert list(windows.close_until(3600 + 299)) == []
    assert list(windows.close_until(3600 + 300)) == [(0, {"market": [1, 0, 1]})]


def test_quiet_hours_are_windows_too() -> None:
    monitor = _monitor()
    monitor.observe(story("a", 0.5))
    monitor.observe(story("b", 5.2))
    _, closed, _ = monitor.take_changes()
    assert [window.start for window in closed] == [at(hour).timestamp() for hour in range(5)]


def test_one_record_from_the_future_does_not_move_the_clock() -> None:
    clock = Clock()
    assert clock.advance(0)
    assert not clock.advance(40 * 86400)
    assert clock.advance(3600)
    assert clock.now == 3600


def test_three_that_agree_do() -> None:
    clock = Clock()
    assert clock.advance(0)
    ahead = 40 * 86400.0
    assert [clock.advance(ahead + hours * 3600) for hours in range(3)] == [False, False, True]
    assert clock.now == ahead + 7200


def test_doubted_records_are_not_lost() -> None:
    monitor = _monitor()
    monitor.observe(story("now", 0.5))
    for i in range(3):
        monitor.observe(story(f"later-{i}", 24 * 40 + i / 10))
    monitor.finish()
    _, closed, _ = monitor.take_changes()
    assert sum(window.counts.get("market", [0, 0, 0])[2] for window in closed) == 4


def test_one_record_from_far_ahead_closes_no_window_for_the_others() -> None:
    quiet = quiet_then_surge()
    changes, _ = _run(quiet)
    monitor = _monitor()
    disturbed, closed = _run([*quiet[:50], story("2099", 24 * 365 * 73), *quiet[50:]], monitor)
    assert monitor.tally["late"] == 0
    assert [c.alert.alert_id for c in disturbed] == [c.alert.alert_id for c in changes]
    # It waits for its own window, and not every hour until then is one.
    assert closed[-1].start == at(24 * 365 * 73).timestamp()
    assert len(closed) < 24 * 60


def test_a_first_record_with_a_bad_date_spoils_no_history() -> None:
    quiet = quiet_then_surge()
    changes, _ = _run(quiet)
    for hours in (24 * 365 * 73, 24 * 40, -24 * 365 * 50):
        monitor = _monitor()
        disturbed, closed = _run([story("odd", hours), *quiet], monitor)
        assert monitor.tally["late"] == 0, hours
        assert [c.alert.alert_id for c in disturbed] == [c.alert.alert_id for c in changes], hours
        assert len(closed) < 24 * 120


def test_a_first_record_that_others_agree_with_keeps_its_time() -> None:
    clock = Clock()
    assert clock.advance(40 * 86400)
    assert clock.advance(40 * 86400 - 3600)
    # Late ones do not set it back, however many there are.
    assert [clock.advance(hours * 3600) for hours in range(5)] == [True] * 5
    assert clock.now == 40 * 86400


@pytest.mark.parametrize("first", [0, 24 * 365 * 73])
def test_a_feed_with_days_between_any_two_stories_goes_on(first: float) -> None:
    monitor = _monitor()
    for number in range(20):
        hours = 30.0 * number if number else first
        monitor.observe(story(f"s{number}", hours))
    assert monitor.clock.now is not None
    assert monitor.clock.now >= at(30 * 16).timestamp()
    _, closed, _ = monitor.take_changes()
    assert closed[-1].start > at(30 * 15).timestamp()
    assert len(monitor.to_json()["doubted"]) < 3


def test_a_restart_before_time_goes_back_changes_nothing() -> None:
    stories = [story("odd", 24 * 365 * 73), *quiet_then_surge()]
    undisturbed = [c.alert.alert_id for c in _run(stories)[0]]
    monitor = _monitor()
    for one in stories[:3]:
        monitor.observe(one)
    kept, detector = json.loads(json.dumps(monitor.to_json())), monitor.detector.to_bytes()
    monitor = _monitor()
    monitor.restore(kept, {"detector": detector})
    assert [c.alert.alert_id for c in _run(stories[3:], monitor)[0]] == undisturbed


def test_a_restart_anywhere_changes_nothing() -> None:
    stories = quiet_then_surge()
    undisturbed = [c.alert.model_dump() | {"event": c.event} for c in _run(stories)[0]]
    rng = random.Random(5)
    monitor, changes = _monitor(), []
    for one in stories:
        monitor.observe(one)
        if rng.random() < 0.05:
            kept, detector = monitor.to_json(), monitor.detector.to_bytes()
            changes += monitor.take_changes()[0]
            monitor = _monitor()
            monitor.restore(kept, {"detector": detector})
    monitor.finish()
    changes += monitor.take_changes()[0]
    assert [c.alert.model_dump() | {"event": c.event} for c in changes] == undisturbed


def _busy(hours: range, labels: str = "negative neutral neutral") -> list[ScoredRecord]:
    return [
        story(f"b{hour}-{i}", hour + i / len(labels), label)
        for hour in hours
        for i, label in enumerate(labels.split())
    ]


def test_an_outage_of_the_feed_is_not_what_is_usual() -> None:
    back = 24 * 21 + 24 * 45
    before, after = _busy(range(24 * 21)), _busy(range(back, back + 24 * 7))
    monitor = _monitor()
    changes, closed = _run([*before, *after], monitor)
    assert changes == []
    first = next(window for window in closed if window.start == at(back).timestamp())
    assert 0.8 < first.expected["topic/credit"] < 1.2
    assert monitor.detector.hours_seen == 24 * 28


def test_a_surge_after_an_outage_begins_after_it() -> None:
    back = 24 * 21 + 24 * 10
    surge = _busy(range(back + 24, back + 30), "negative " * 12)
    changes, _ = _run([*_busy(range(24 * 21)), *_busy(range(back, back + 24)), *surge])
    fired = [change.alert for change in changes if change.event == "firing"]
    assert {alert.starts_at for alert in fired} == {at(back + 24)}


def test_an_alert_ends_in_an_outage() -> None:
    surge = _busy(range(24 * 21, 24 * 21 + 4), "negative " * 12)
    changes, _ = _run([*_busy(range(24 * 21)), *surge, *_busy(range(24 * 25, 24 * 26))])
    ended = [change.alert for change in changes if change.event == "resolved"]
    assert ended
    assert all(alert.ends_at == at(24 * 21 + 4) for alert in ended)


def test_a_sparse_feed_that_is_silent_for_days_is_itself() -> None:
    monitor = _monitor()
    _run([story(f"w{week}", 168 * week) for week in range(8)], monitor)
    assert monitor.detector.hours_seen == 168 * 7 + 1


@pytest.mark.parametrize("field", ["sentiment", "topics", "novelty"])
def test_a_score_that_is_no_number_is_no_score(field: str) -> None:
    scored = story("a", 0).model_dump(exclude_none=True)
    wrong = {
        "sentiment": {"label": "negative", "probabilities": {"negative": math.nan}},
        "topics": [{"name": "credit", "probability": math.inf}],
        "novelty": math.nan,
    }
    assert ScoredRecord.model_validate(scored).id == "a"
    with pytest.raises(ValidationError, match=f"{field}.*\\n.*finite"):
        ScoredRecord.model_validate({**scored, field: wrong[field]})
