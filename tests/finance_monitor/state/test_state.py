"""What is kept is the same in a file and in PostgreSQL, and goes from one into the other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import databases
import pytest
from command_line import run_here
from news import at, quiet_then_surge, story
from pydantic import ValidationError
from receiving import an_alert

from apps.finance_monitor.alerts.delivery import enqueue
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.operations import acknowledge, cases, judge, silence, silences
from apps.finance_monitor.feeds.feed import Batch
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.search.stories import StoryQuery, search
from apps.finance_monitor.state.moving import TABLES
from apps.finance_monitor.state.opening import Place
from apps.finance_monitor.state.tables import VERSIONS
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watchlists.audience import Subscribers
from common.errors import UserError


def _feed(store: Store, stories: Sequence[ScoredRecord], size: int = 50) -> Watch:
    rules = Rules(parse_budget("1 per 30d"))
    watch = Watch(store, rules, None, topics=["credit"], subscribers=Subscribers(["a"]))
    for start in range(0, len(stories), size):
        watch.commit(watch.process(Batch(list(stories[start : start + size]), [], None)))
    return watch


def _all(store: Store) -> dict[str, list[dict[str, object]]]:
    """All rows but those that say when something was, and of whom."""
    kept = {}
    for table in TABLES:
        rows = [dict(row) for row in store.rows(f"SELECT * FROM {table}")]
        for row in rows:
            row.pop("notified_at", None)
        own = [row for row in rows if row.get("name") not in {"leader", "version"}]
        kept[table] = sorted(own, key=lambda row: str(list(row.values())[:2]))
    return kept


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    store = Store(tmp_path_factory.mktemp("expected") / "monitor.sqlite")
    _feed(store, quiet_then_surge())
    found = _all(store)
    assert found["alerts"]
    assert found["outbox"]
    store.close()
    return found


def test_it_keeps_the_same_rows_wherever_it_is(
    empty: Place, expected: dict[str, list[dict[str, object]]]
) -> None:
    stories, cut = quiet_then_surge(), 230
    store = Store(empty)
    _feed(store, stories[:cut])
    store.close()
    # What is read of before is what it was.
    store = Store(empty)
    watch = _feed(store, stories[cut - 30 :])
    assert watch.monitor.tally["repeated"] == 30
    kept = _all(store)
    kept["state"], expected["state"] = [], []
    assert kept == expected
    store.close()


def test_a_transaction_is_all_or_nothing_and_reads_what_it_wrote(empty: Place) -> None:
    store = Store(empty)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.write_state("x", b"\x00never")
        assert store.read_state("x") == b"\x00never"
        _ = 1 / 0
    assert store.read_state("x") is None
    with store.transaction():
        store.write_state("x", b"kept")
    assert store.read_state("x") == b"kept"
    store.close()


def test_what_people_do_is_kept(empty: Place) -> None:
    store = Store(empty)
    _feed(store, quiet_then_surge())
    first = cases(store)[0].alert.alert_id
    acknowledge(store, first, "Mei")
    judge(store, first[:9], "real", "Jun", "seen on TV")
    found = next(one for one in cases(store) if one.alert.alert_id == first)
    assert (found.acknowledged_by, found.verdict, found.verdict_reason) == (
        *("Mei", "real"),
        "seen on TV",
    )
    made = silence(store, "Alba", timedelta(days=1), "Mei")
    assert silences(store) == [made]
    assert silence(store, "*", timedelta(days=1), "Jun").silence_id != made.silence_id
    store.close()


def test_stories_are_forgotten_with_their_words(empty: Place) -> None:
    store = Store(empty)
    _feed(store, [story("a", 1), story("b", 90)])
    store.forget_before(store.rows("SELECT max(published) AS last FROM stories")[0]["last"])
    assert [row["sequence"] for row in store.rows("SELECT sequence FROM folded")] == [2]
    assert [one.id for one in search(store, StoryQuery(q="b"), 9)] == ["b"]
    store.close()


def test_what_was_delivered_long_ago_is_forgotten_and_no_other_notification(empty: Place) -> None:
    store = Store(empty)
    ended, goes_on = an_alert("ended", "resolved"), an_alert("goes-on")
    days = {"old": at(1), "new": at(1) + timedelta(days=2), "unsent": None, "open": at(1)}
    with store.transaction() as database:
        for alert in (ended, goes_on):
            store.write_alert(alert, None)
        for sink, delivered in days.items():
            alert = goes_on if sink == "open" else ended
            enqueue(database, {sink: ""}, Notification(alerts=[alert]))
            database.execute(
                "UPDATE outbox SET delivered_at = ? WHERE sink = ?",
                (delivered and delivered.isoformat(), sink),
            )
    store.forget_before((at(1) + timedelta(days=1)).timestamp())
    kept = [row["sink"] for row in store.rows("SELECT sink FROM outbox ORDER BY number")]
    assert kept == ["new", "unsent", "open"]
    store.close()


def test_a_story_may_hold_what_a_database_does_not_keep(empty: Place) -> None:
    store = Store(empty)
    text = "a \0 text\nof %s {} ? 100%\\"
    odd = story("o\0dd", 1, entities=("Al\0ba",), topics=("cre\0dit",), text=text)
    _feed(store, [odd, odd])
    assert [one.said for one in store.originals_since(0)] == [{"": "negative"}]
    assert [one.id for one in store.latest_stories(9)] == ["odd"]
    for asked in ("100%\\", "te\0xt", "{} ?"):
        found = search(store, StoryQuery(q=asked, company="Alba"), 9)
        assert [one.id for one in found] == ["odd"], asked
    assert search(store, StoryQuery(company="Al\0"), 9) == []
    store.close()


@pytest.mark.parametrize("version", range(1, len(VERSIONS)))
def test_stories_of_an_older_file_are_found(tmp_path: Path, version: int) -> None:
    path = tmp_path / "monitor.sqlite"
    rows = [
        (number, one.id, 1.0, None, "[]", None, one.model_dump_json())
        for number, one in enumerate([story("a", 1, text="ÉTÉ in Paris"), story("b", 2)])
    ]
    with closing(sqlite3.connect(path)) as database:
        database.executescript("".join(VERSIONS[:version]))
        database.executemany("INSERT INTO stories VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    for _ in range(2):
        store = Store(path)
        assert [one.id for one in search(store, StoryQuery(q="été"), 9)] == ["a"]
        store.close()


def test_stories_that_an_older_version_still_kept_meanwhile_are_found(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    store = Store(path)
    _feed(store, [story("a", 1), story("b", 2), story("c", 3, text="Zinc falls")])
    with store.transaction() as database:
        database.execute("DELETE FROM folded WHERE sequence > 1")
    store.close()
    store = Store(path, leads=True)
    assert [one.id for one in search(store, StoryQuery(q="zinc"), 9)] == ["c"]
    assert len(store.rows("SELECT sequence FROM folded")) == 3
    store.close()


def test_a_name_that_no_index_holds_is_refused_before_anything_is_kept(empty: Place) -> None:
    longest = "".join(chr(0x4E00 + number % 20_000) for number in range(0, 666 * 7919, 7919))
    assert len(longest.encode()) == 1998
    store = Store(empty)
    _feed(store, [story(longest, 1, entities=(longest,))])
    assert store.known_ids([longest]) == {longest}
    for name, value in (("id", f"{longest}字"), ("entities", [f"{longest}字"])):
        raw = {"text": "x", "published_at": "2026-03-02T01:00:00Z", name: value}
        with pytest.raises(ValidationError, match="2001 bytes, more than 2000"):
            FeedRecord.model_validate(raw)
    store.close()


def test_what_a_newer_version_wrote_is_refused(empty: Place) -> None:
    store = Store(empty)
    newer = str(len(VERSIONS) + 1)
    with store.transaction() as database:
        if isinstance(empty, str):
            store.write_state("version", newer.encode())
    store.close()
    if isinstance(empty, Path):
        with closing(sqlite3.connect(empty)) as database:
            database.execute(f"PRAGMA user_version = {newer}")
    with pytest.raises(UserError, match="newer version"):
        Store(empty)


def test_an_installation_that_names_a_database_goes_on_there(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    file = Store(path)
    stories, cut = quiet_then_surge(), 260
    watch = _feed(file, stories[:cut])
    silence(file, "Borel", timedelta(days=1), "Mei")
    expected = _all(file)
    with databases.postgresql() as url:
        leads = Store(path.with_name("other.sqlite"))
        leads.close()
        file.close()
        store = Store(url, leads=True, before=path)
        assert _all(store) == expected
        again = _feed(store, stories[cut - 10 :])
        assert again.monitor.tally["repeated"] == watch.monitor.tally["repeated"] + 10
        silence(store, "Cinder", timedelta(days=1), "Mei")
        assert len(silences(store)) == 2
        kept = _all(store)
        store.close()
        # Once: the file is of the past by now.
        store = Store(url, leads=True, before=path)
        assert _all(store) == kept
        store.close()


def test_what_an_older_version_let_in_is_taken_over_as_postgresql_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    file = Store(path)
    content = (
        story("a", 1, text="T").model_dump_json().replace('"T"', r'"b\\u0000 c\u0000d \\\u0000e"')
    )
    with file.transaction() as database:
        for table, *row in (
            ("stories", 1, "a\0", 1.0, None, "[]", None, content),
            ("folded", 1, "x"),
        ):
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    file.close()
    with databases.postgresql() as url:
        store = Store(url, leads=True, before=path)
        (found,) = store.latest_stories(9)
        assert found.text == r"b\u0000 cd \e"
        assert store.rows("SELECT id FROM stories")[0]["id"] == "a"
        store.close()


def test_the_command_line_finds_it_in_a_database(tmp_path: Path) -> None:
    with databases.postgresql() as url:
        place = ("--store", tmp_path, "--database", url)
        none = run_here("finance_monitor", "alerts", "list", *place)
        assert none.returncode == 2
        assert "no monitor has run here yet" in none.stderr
        store = Store(url)
        _feed(store, quiet_then_surge())
        found = run_here("finance_monitor", "alerts", "list", *place, "--json")
        first = json.loads(found.stdout)["alerts"][0]["alert"]["alert_id"]
        done = run_here("finance_monitor", "alerts", "ack", first, "--by", "Mei", *place)
        assert done.returncode == 0, done.stderr
        assert {one.acknowledged_by for one in cases(store)} == {"Mei", None}
        done = run_here(
            "finance_monitor", "brief", "--out", tmp_path / "brief.html", *place, "--json"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["negative"] > 0
        store.close()


def test_a_file_that_is_watched_is_not_taken_over(tmp_path: Path) -> None:
    watched = Store(tmp_path / "monitor.sqlite", leads=True)
    with databases.postgresql() as url:
        with pytest.raises(UserError, match="another process is using"):
            Store(url, leads=True, before=tmp_path / "monitor.sqlite")
        watched.close()
        Store(url, leads=True, before=tmp_path / "monitor.sqlite").close()


def test_a_file_that_is_damaged_is_not_taken_over_in_part(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    file = Store(path)
    _feed(file, quiet_then_surge())
    file.close()
    with path.open("r+b") as damaged:
        damaged.seek(path.stat().st_size // 2)
        damaged.write(b"\xff" * (path.stat().st_size // 4))
    with databases.postgresql() as url:
        with pytest.raises(UserError, match="cannot be taken over into the database: ") as caught:
            Store(url, leads=True, before=path)
        assert str(path) in str(caught.value)
        store = Store(url)
        assert not store.latest_stories(1)
        store.close()
