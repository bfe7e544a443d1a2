"""The watch from end to end: what is committed, told and kept, also when it is killed."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from news import quiet_then_surge, story
from processes import Finished, Process, run

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.operations import case, cases, resolve, silence
from apps.finance_monitor.alerts.sinks import FileSink
from apps.finance_monitor.feeds.feed import Batch, Rejected
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.drift import Drift
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from common.errors import UserError

RULES = Rules(parse_budget("1 per 30d"))


def _write(path: Path, stories: Sequence[ScoredRecord]) -> Path:
    lines = [one.model_dump_json(exclude_none=True) for one in stories]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _command(feed: Path, store: Path, *more: str) -> list[str]:
    verb = ["-m", "apps.finance_monitor", "watch", str(feed), "--scored", "--once"]
    return [*verb, "--store", str(store), "--notify", f"jsonl:{store}/told.jsonl", *more]


def _finish(feed: Path, store: Path, *more: str) -> Finished:
    return run(*_command(feed, store, *more))


def _told(store: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (store / "told.jsonl").read_text().splitlines()]


def _state(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    database = sqlite3.connect(store / "finance_monitor" / "monitor.sqlite")
    return {
        "alerts": database.execute(
            "SELECT alert_id, key, status, content, muted_by FROM alerts ORDER BY 1"
        ).fetchall(),
        "windows": database.execute("SELECT * FROM windows ORDER BY start, key").fetchall(),
        "stories": database.execute("SELECT sequence, id FROM stories ORDER BY 1").fetchall(),
        "outbox": database.execute(
            "SELECT idempotency_key, substr(sink, 1, 5), body FROM outbox ORDER BY 1, 2"
        ).fetchall(),
    }


def test_killed_anywhere_it_tells_the_same(tmp_path: Path) -> None:
    feed = _write(tmp_path / "feed.jsonl", quiet_then_surge())
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = _finish(feed, whole)
    assert done.returncode == 0, done.stderr
    rng = random.Random(3)
    kills = 0
    # The first at once: on a fast machine, all is read within a second.
    for seconds in (0.0, *(rng.uniform(0, 0.8) for _ in range(4))):
        process = Process(*_command(feed, killed))
        database = killed / "finance_monitor" / "monitor.sqlite"
        # From its first write on, at a moment that nobody chose.
        while process.poll() is None and not database.exists():
            time.sleep(0.01)
        time.sleep(seconds)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills
    done = _finish(feed, killed)
    assert done.returncode == 0, done.stderr
    assert _state(killed)["alerts"]
    assert _state(killed) == _state(whole)
    assert _told(killed) == _told(whole)


def test_a_surge_is_told_once_with_its_evidence(tmp_path: Path) -> None:
    feed = _write(tmp_path / "feed.jsonl", [*quiet_then_surge(), story("after", 300, "neutral")])
    store = tmp_path / "var"
    assert _finish(feed, store, "--json").returncode == 0
    firing = [
        one for one in _told(store) if one["status"] == "firing" and one["severity"] == "notice"
    ]
    firing = firing or [one for one in _told(store) if one["status"] == "firing"][:1]
    assert [one["key"] for one in firing] == ["company/Alba"]
    assert len(firing[0]["evidence"]) == 5
    assert all(one["id"].startswith("s") for one in firing[0]["evidence"])
    assert {one["key"] for one in _told(store)} == {"company/Alba"}
    again = _finish(feed, store, "--json")
    assert again.returncode == 0
    assert again.stdout == ""


def test_a_second_watch_on_the_same_store_is_refused(tmp_path: Path) -> None:
    feed = _write(tmp_path / "feed.jsonl", [story("a", 1)])
    command = [part for part in _command(feed, tmp_path / "var") if part != "--once"]
    with Process(*command) as first:
        database = tmp_path / "var" / "finance_monitor" / "monitor.sqlite"
        while not database.exists():
            time.sleep(0.05)
        second = _finish(feed, tmp_path / "var")
        assert second.returncode == 2
        assert "another process is using this directory" in second.stderr
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--false-alarms", "never"], "1 per 30d"),
        (["--window", "1 fortnight"], "span of time"),
        (["--window", "8d"], "not between 1min and 7d"),
        (["--window", "30s"], "not between 1min and 7d"),
        (["--notify", "pigeon"], "no such address"),
    ],
)
def test_wrong_options_are_explained(tmp_path: Path, arguments: list[str], says: str) -> None:
    feed = _write(tmp_path / "feed.jsonl", [story("a", 1)])
    done = _finish(feed, tmp_path / "var", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def _watch(store: Store, delivery: Delivery | None = None, rules: Rules = RULES) -> Watch:
    return Watch(store, rules, None, topics=["credit"], delivery=delivery)


def _feed(watch: Watch, stories: Sequence[ScoredRecord], size: int = 40) -> None:
    for start in range(0, len(stories), size):
        batch = Batch(list(stories[start : start + size]), [], None)
        watch.commit(watch.process(batch))


def test_a_known_id_is_counted_and_left_out() -> None:
    store = Store(None)
    watch = _watch(store)
    _feed(watch, [story("a", 1), story("a", 1), story("b", 1.1)], size=2)
    _feed(watch, [story("b", 1.1), story("c", 1.2)])
    assert [one.id for one in store.latest_stories(9)] == ["c", "b", "a"]
    assert watch.monitor.tally["repeated"] == 2


def test_copies_are_counted_as_outlets_and_what_was_scored_otherwise_is_none() -> None:
    store = Store(None)
    text = "Alba customers report failed card payments and blocked logins on Tuesday morning"
    stories = quiet_then_surge()
    copies = [story(f"copy-{i}", 240.2 + i / 100, entities=("Alba",), text=text) for i in range(3)]
    otherwise = story("otherwise", 240.3, "positive", entities=("Alba",), text=text)
    first = story("s0-0", 240, entities=("Alba",), text=text)
    mixed = [first if one.id == "s0-0" else one for one in stories] + [*copies, otherwise]
    _feed(_watch(store), sorted(mixed, key=lambda one: (one.published_at, one.id)))
    copy, other = store.story("copy-0"), store.story("otherwise")
    assert copy and other
    assert (copy.duplicate_of, other.duplicate_of) == ("s0-0", None)
    assert (copy.sentiment.label, other.sentiment.label) == ("negative", "positive")
    found = [one for one in cases(store) if one.alert.key == "company/Alba"]
    outlets = {one.id: one.outlets for one in found[0].alert.evidence}
    assert outlets["s0-0"] == 4


def test_a_narrow_alert_explains_the_wide_ones() -> None:
    store = Store(None)
    _feed(_watch(store), [*quiet_then_surge(), story("end", 300, "neutral")])
    by_key = {one.alert.key: one for one in cases(store)}
    assert by_key["company/Alba"].notified_at
    assert by_key["company/Alba"].muted_by is None
    for wide in ("market", "topic/credit"):
        assert by_key[wide].muted_by == "company/Alba"
        assert by_key[wide].notified_at is None


def test_a_surge_of_the_whole_market_mutes_its_parts() -> None:
    store = Store(None)
    stories = [one for one in quiet_then_surge() if one.id.startswith("q")]
    names = [f"C{i}" for i in range(8)]
    for hour in range(8):
        for i in range(40):
            stories.append(story(f"s{hour}-{i}", 240 + hour + i / 40, entities=(names[i % 8],)))
    _feed(_watch(store), sorted(stories, key=lambda one: (one.published_at, one.id)))
    told = {one.alert.key for one in cases(store) if one.notified_at}
    muted = {one.alert.key for one in cases(store) if one.muted_by}
    assert told & {"market", "topic/credit"}
    assert not told & {f"company/{name}" for name in names}
    assert muted


def test_a_silenced_key_is_kept_but_not_told(tmp_path: Path) -> None:
    from datetime import timedelta

    store = Store(None)
    delivery = Delivery(store, [FileSink(tmp_path / "told.jsonl")])
    silence(store, "Alba", timedelta(days=1), "Mei")
    _feed(_watch(store, delivery), quiet_then_surge())
    found = {one.alert.key: one for one in cases(store)}
    assert found["company/Alba"].notified_at is None
    assert not store.rows("SELECT 1 FROM outbox")


def test_nothing_more_is_told_of_what_a_person_closed(tmp_path: Path) -> None:
    store = Store(None)
    delivery = Delivery(store, [FileSink(tmp_path / "told.jsonl")])
    watch = _watch(store, delivery)
    stories = quiet_then_surge()
    cut = next(i for i, one in enumerate(stories) if one.id == "s2-0")
    _feed(watch, stories[:cut])
    before = len(store.rows("SELECT 1 FROM outbox"))
    assert before
    for one in cases(store):
        resolve(store, one.alert.alert_id, "Jun")
    _feed(watch, stories[cut:])
    assert len(store.rows("SELECT 1 FROM outbox")) == before
    assert not case(store, cases(store)[0].alert.alert_id).is_open


def test_another_width_of_windows_needs_another_store(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    store = Store(path)
    _feed(_watch(store), [story("a", 1)])
    with pytest.raises(UserError, match="60 minutes wide"):
        _watch(store, rules=Rules(RULES.budget, width=1800))


def test_a_model_that_is_less_sure_than_in_training_is_warned_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr("apps.finance_monitor.watch.follow.say", said.append)
    # The stories of these tests are 90 % sure.
    for usual, warnings in ((0.92, 0), (0.99, 1)):
        said.clear()
        watch = _watch(Store(None))
        watch.drift = Drift({"confidence": usual, "confidence_deviation": 0.05, "texts": 500})
        _feed(watch, quiet_then_surge())
        assert watch.drift.has_drifted == bool(warnings)
        assert len(said) == warnings


class FullDisk(Store):
    """A store on a disk that has no room for a while."""

    room = True

    def write_state(self, name: str, content: bytes) -> None:
        if not self.room:
            raise sqlite3.OperationalError("database or disk is full")
        super().write_state(name, content)


def test_a_full_disk_stops_reading_but_not_alerting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.watch.pausing.RETRY_SECONDS", 0.05)
    store = FullDisk(None)
    told = tmp_path / "told.jsonl"
    delivery = Delivery(store, [FileSink(told)])
    delivery.start()
    watch = _watch(store, delivery)
    stories = quiet_then_surge()
    cut = next(i for i, one in enumerate(stories) if one.id == "s0-11")
    _feed(watch, stories[:cut])
    store.room = False
    step = watch.process(Batch(stories[cut : cut + 20], [], None))
    assert step.changes

    class MakesRoom(Event):
        def wait(self, timeout: float | None = None) -> bool:
            deadline = time.monotonic() + 60
            while not (told.exists() and told.read_text()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert watch.pace.disk_full
            store.room = True
            return False

    watch.commit(step, MakesRoom())
    assert json.loads(told.read_text().splitlines()[0])["key"] == "company/Alba"
    assert not watch.pace.disk_full
    _feed(watch, stories[cut + 20 :])
    delivery.stop()
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    once = [(one["alert_id"], one["status"], one["severity"]) for one in lines]
    assert len(once) == len(set(once))
    assert store.story("s7-11")


def test_what_is_old_waits_for_room_and_nothing_is_written_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(None)
    watch = Watch(store, RULES, None, retention=3600)
    forget, asked = store.forget_before, []

    def full_once(time: float) -> None:
        asked.append(time)
        if len(asked) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        forget(time)

    monkeypatch.setattr(store, "forget_before", full_once)
    _feed(watch, [story("a", 1), story("b", 9)])
    assert [one.id for one in store.latest_stories(9)] == ["b", "a"]
    _feed(watch, [story("c", 9.1)])
    assert [one.id for one in store.latest_stories(9)] == ["c", "b"]


def test_a_damaged_database_is_told_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "var" / "finance_monitor" / "monitor.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not what it was" * 100)
    done = _finish(_write(tmp_path / "feed.jsonl", [story("a", 1)]), tmp_path / "var")
    assert done.returncode == 2
    assert "file is not a database" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_rejected_is_kept_once_however_often_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.watch.pausing.RETRY_SECONDS", 0)
    store, rejected = Store(tmp_path / "monitor.sqlite"), tmp_path / "rejected.jsonl"
    watch = Watch(store, RULES, None, rejected=rejected)
    write, tries = watch.commits._write, []

    def full_twice(step: Any) -> Any:
        tries.append(step)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        return write(step)

    monkeypatch.setattr(watch.commits, "_write", full_twice)
    watch.commit(watch.process(Batch([story("a", 1)], [Rejected("feed:2", "broken", "x")], None)))
    assert [one.id for one in store.latest_stories(9)] == ["a"]
    assert len(rejected.read_text(encoding="utf-8").splitlines()) == 1
    store.close()
