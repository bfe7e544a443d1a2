"""News dated ahead of the machine's clock: refused where the feed is live, once and for good."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import run_here
from news import at, quiet_then_surge, story
from scraping import running_with_metrics, scrape_until

from apps.finance_monitor.alerts.operations import cases
from apps.finance_monitor.feeds.feed import Batch
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.state.tables import VERSIONS
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules

DAY = 24.0
TEXT = "Alba opens an office in the old harbour, with room for two hundred people and a canteen"
AHEAD = story("ahead", 5 * 365 * DAY)


class Clock:
    """A clock that stands `hours` after the stories' Monday until it is set."""

    def __init__(self, hours: float = 0.0) -> None:
        self.hours = hours

    def __call__(self) -> float:
        return at(self.hours).timestamp()


def _watch(store: Store, clock: Clock | None, rejected: Path | None = None) -> Watch:
    rules = Rules(parse_budget("1 per 30d"))
    return Watch(store, rules, None, topics=["credit"], rejected=rejected, clock=clock)


def _feed(watch: Watch, *stories: ScoredRecord) -> None:
    watch.commit(watch.process(Batch(list(stories), [], None)))


def _rejected(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _ids(store: Store) -> list[str]:
    return [one.id for one in reversed(store.latest_stories(9))]


def _follow(watch: Watch, clock: Clock, stories: Sequence[ScoredRecord]) -> None:
    for one in stories:
        clock.hours = (one.published_at - at(0)) / timedelta(hours=1)
        _feed(watch, one)


def test_a_first_record_from_the_future_does_not_move_event_time(tmp_path: Path) -> None:
    store, clock, kept = Store(None), Clock(1), tmp_path / "rejected.jsonl"
    watch = _watch(store, clock, kept)
    _feed(watch, AHEAD, story("a", 1))
    assert watch.monitor.clock.now == at(1).timestamp()
    assert _ids(store) == ["a"]
    assert (watch.monitor.tally["records"], watch.monitor.tally["rejected"]) == (1, 1)
    (row,) = _rejected(kept)
    assert row["place"] == "id ahead"
    assert row["reason"].startswith("dated 2031-03-01 00:00 UTC, 1,825.0 days ahead of this")
    assert '"id":"ahead"' in row["content"]
    _follow(watch, clock, quiet_then_surge())
    assert "company/Alba" in {one.alert.key for one in cases(store) if one.notified_at}


def test_not_even_many_that_agree_move_it() -> None:
    store = Store(None)
    watch = _watch(store, Clock(1))
    _feed(watch, story("a", 1), *(story(f"ahead-{i}", 100 + i / 10) for i in range(9)))
    assert watch.monitor.clock.now == at(1).timestamp()
    assert watch.monitor.tally["rejected"] == 9


def test_a_day_ahead_is_believed() -> None:
    store = Store(None)
    _feed(_watch(store, Clock(1)), story("today", 1 + DAY), story("beyond", 1.01 + DAY))
    assert _ids(store) == ["today"]


def test_it_is_refused_once_and_not_scored_when_its_date_comes_near(tmp_path: Path) -> None:
    kept, clock = tmp_path / "rejected.jsonl", Clock(1)
    store = Store(tmp_path / "monitor.sqlite")
    soon = story("soon", 72)
    _feed(_watch(store, clock, kept), soon, soon)
    clock.hours = 71
    again = _watch(store, clock, kept)
    _feed(again, soon, story("a", 71))
    assert _ids(store) == ["a"]
    assert (again.monitor.tally["rejected"], again.monitor.tally["repeated"]) == (1, 2)
    assert len(_rejected(kept)) == 1


def test_with_its_date_mended_it_is_news() -> None:
    store = Store(None)
    watch = _watch(store, Clock(1))
    _feed(watch, story("a", 500))
    _feed(watch, story("a", 0.9))
    assert _ids(store) == ["a"]


def test_killed_before_the_commit_it_is_counted_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "monitor.sqlite", Clock(1)
    killed = Store(path)
    _watch(killed, clock).process(Batch([AHEAD, story("a", 1)], [], None))
    killed.close()
    store = Store(path)
    watch = _watch(store, clock)
    _feed(watch, AHEAD, story("a", 1))
    assert watch.monitor.tally["rejected"] == 1
    assert len(store.rows("SELECT 1 FROM refused")) == 1


def test_the_first_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    watch = _watch(Store(None), Clock(1))
    _feed(watch, AHEAD)
    _feed(watch, story("another", 999))
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("Warning") == 1
    assert "fix the feed's clock" in said


def test_a_past_that_is_told_again_keeps_its_own_time() -> None:
    store = Store(None)
    _feed(_watch(store, None), AHEAD)
    assert _ids(store) == ["ahead"]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_past_that_begins_with_a_bad_date_is_read_as_it_is(size: int) -> None:
    store = Store(None)
    stories = [AHEAD, *(story(f"s{hour}", hour, text=TEXT) for hour in range(30))]
    watch = _watch(store, None)
    for start in range(0, len(stories), size):
        _feed(watch, *stories[start : start + size])
    watch.finish()
    assert watch.monitor.tally["late"] == 0
    # What is told again is found again, and what was read is kept.
    assert watch.monitor.tally["duplicates"] >= 20
    assert len(store.rows("SELECT 1 FROM stories")) == len(stories)


def test_verdicts_are_forgotten_in_the_end() -> None:
    store, clock = Store(None), Clock(1)
    watch = _watch(store, clock)
    _feed(watch, AHEAD)
    _follow(watch, clock, [story(f"d{day}", day * DAY) for day in range(1, 63)])
    assert not store.rows("SELECT 1 FROM refused")


@pytest.mark.parametrize("version", range(1, len(VERSIONS)))
def test_a_store_of_before_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "monitor.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(f"{''.join(VERSIONS[:version])} PRAGMA user_version = {version};")
    again = Store(path)
    _feed(_watch(again, None), story("a", 1))
    watch = _watch(again, Clock(1))
    _feed(watch, AHEAD, story("b", 1.1))
    assert (watch.monitor.tally["records"], watch.monitor.tally["rejected"]) == (2, 1)


def test_a_live_watch_refuses_it_and_a_replay_does_not(tmp_path: Path) -> None:
    far = AHEAD.model_copy(update={"published_at": datetime.now(UTC) + timedelta(days=400)})
    feed = tmp_path / "feed.jsonl"
    lines = [one.model_dump_json(exclude_none=True) for one in (far, story("a", 1))]
    feed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    live, once = tmp_path / "live", tmp_path / "once"
    verb = ("watch", str(feed), "--scored", "--store")
    with running_with_metrics(*verb, str(live)) as scrape:
        metrics = scrape_until(scrape, "bizlm_monitor_rejected_total", 1)
        assert metrics["bizlm_monitor_records_total"] == 1
    (row,) = _rejected(live / "finance_monitor" / "rejected.jsonl")
    assert "400.0 days ahead" in row["reason"]
    done = run_here("finance_monitor", *verb, once, "--once")
    assert "2 stories" in done.stderr
    assert "0 rejected" in done.stderr
