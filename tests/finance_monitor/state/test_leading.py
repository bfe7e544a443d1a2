"""One process at a time watches with a database, and who has lost it can commit nothing more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import databases
import psycopg
import pytest
from news import quiet_then_surge, story
from processes import wait_for

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.sinks import FileSink
from apps.finance_monitor.feeds.feed import Batch
from apps.finance_monitor.state import postgresql
from apps.finance_monitor.state.backend import DeposedError
from apps.finance_monitor.state.opening import find, place_of, store_path
from apps.finance_monitor.state.postgresql import PostgresDatabase
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch import pausing
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from common.errors import UserError

RULES = Rules(parse_budget("1 per 30d"))
LEADS = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"


@pytest.fixture
def url() -> Iterator[str]:
    with databases.postgresql() as made:
        yield made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    for module in (postgresql, pausing):
        monkeypatch.setattr(module, "say", said.append)
    monkeypatch.setattr(pausing, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(postgresql, "LOOK_SECONDS", 0.05)
    return said


def _sessions(url: str, act: str = "pid", which: str = "true") -> int:
    """How many sessions of a monitor there are; `act` is done to each."""
    with psycopg.connect(url, autocommit=True) as other:
        asked = (
            f"SELECT {act} FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = 'bizlm finance_monitor' AND {which}"
        )
        return len(other.execute(asked).fetchall())


def _drop(url: str, *which: str) -> None:
    assert _sessions(url, "pg_terminate_backend(pid)", " ".join(which) or "true")


def _away(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """So many times from now on, nobody answers; who asked then."""
    connect, refused = postgresql.connect, list[str]()

    def away(url: str) -> Any:
        if len(refused) < times:
            refused.append(url)
            raise psycopg.OperationalError("the database system is starting up")
        return connect(url)

    monkeypatch.setattr(postgresql, "connect", away)
    return refused


def _watch(store: Store, **more: Any) -> Watch:
    return Watch(store, RULES, None, topics=["credit"], **more)


def _commit(watch: Watch, *identities: str) -> None:
    stories = [story(one, hours) for hours, one in enumerate(identities)]
    watch.commit(watch.process(Batch(stories, [], None)))


def _ids(store: Store) -> list[str]:
    return sorted(one.id for one in store.latest_stories(99))


def test_a_second_one_is_refused_or_waits_its_turn(url: str, told: list[str]) -> None:
    first = Store(url, leads=True)
    with pytest.raises(UserError, match="another process watches with this database"):
        Store(url, leads=True)
    # Who only looks, or acknowledges, need not lead.
    beside = Store(url)
    with beside.transaction():
        beside.write_state("x", b"beside")
    beside.close()
    following: list[Store] = []
    waiting = Thread(target=lambda: following.append(Store(url, leads=True, waits=True)))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    with first.transaction():
        first.write_state("y", b"first")
    first.close()
    waiting.join(20)
    assert following[0].read_state("y") == b"first"
    following[0].close()


def test_who_waits_goes_on_waiting_while_the_database_is_away(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Store(url, leads=True)
    following: list[Store] = []
    waiting = Thread(target=lambda: following.append(Store(url, leads=True, waits=True)))
    waiting.start()
    wait_for(lambda: _sessions(url) == 2)
    refused = _away(monkeypatch, times=3)
    _drop(url, "NOT", LEADS)
    wait_for(lambda: len(refused) == 3)
    first.close()
    waiting.join(20)
    assert following[0].rows("SELECT 1 AS one")[0]["one"] == 1
    assert [line.partition(":")[0] for line in told] == [
        "Standing by, while the database does not answer"
    ]
    following[0].close()


def test_a_dropped_connection_is_told_once_and_it_goes_on(url: str, told: list[str]) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    _commit(watch, "a", "b")
    _drop(url)
    _commit(watch, "c")
    assert _ids(store) == ["a", "b", "c"]
    assert [line.partition(":")[0] for line in told] == [
        "Lost the connection to the database, and have it again"
    ]
    _drop(url)
    # In the middle of a transaction: the step is written anew.
    write, tries = store.add_windows, []

    def drop_once(*values: Any) -> None:
        tries.append(values)
        if len(tries) == 1:
            _drop(url)
        write(*values)

    store.add_windows = drop_once  # type: ignore[method-assign]
    _commit(watch, "d", "e")
    assert _ids(store) == ["a", "b", "c", "d", "e"]
    assert len(tries) == 2
    paused = [line for line in told if line.startswith(("Cannot write", "It can be written"))]
    assert [line.partition(";")[0] for line in paused] == [
        "Cannot write",
        "It can be written again",
    ]
    store.close()


def test_a_commit_of_which_no_answer_came_is_not_made_twice(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    _commit(watch, "a")
    execute, lost = psycopg.Connection.execute, []

    def lose_the_answer(self: Any, query: Any, *values: Any, **named: Any) -> Any:
        found = execute(self, query, *values, **named)
        if query == "COMMIT" and not lost:
            lost.append(query)
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return found

    monkeypatch.setattr(psycopg.Connection, "execute", lose_the_answer)
    _commit(watch, "b", "c")
    assert lost
    assert _ids(store) == ["a", "b", "c"]
    assert [row["sequence"] for row in store.rows("SELECT sequence FROM stories")] == [1, 2, 3]
    _commit(watch, "d")
    assert store.last_sequence() == 4
    store.close()


def test_a_commit_that_the_server_is_still_about_to_make_is_waited_for(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    _commit(watch, "a")
    backend: Any = store._backend
    execute, locks = psycopg.Connection.execute, postgresql._locks
    sessions: list[Any] = []
    looks: list[bool] = []

    def lose_the_server(self: Any, query: Any, *values: Any, **named: Any) -> Any:
        if query == "COMMIT" and not sessions:
            sessions.append(self)
            backend._connection = psycopg.connect(url)
            backend._connection.close()
            raise psycopg.OperationalError("could not receive data from server")
        return execute(self, query, *values, **named)

    def commit_late(connection: Any) -> bool:
        # As a server that waits for its disk, and has ended the session by the second look.
        if looks and not sessions[0].closed:
            sessions[0].execute("COMMIT")
            sessions[0].close()
        looks.append(locks(connection))
        return looks[-1]

    monkeypatch.setattr(psycopg.Connection, "execute", lose_the_server)
    monkeypatch.setattr(postgresql, "_locks", commit_late)
    _commit(watch, "b")
    assert (looks[0], looks[-1]) == (False, True)
    _commit(watch, "c")
    assert _ids(store) == ["a", "b", "c"]
    store.close()


def test_a_database_that_is_behind_is_not_written_on(url: str, told: list[str]) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    _commit(watch, "a")
    with psycopg.connect(url) as other:
        before = other.execute("SELECT * FROM finance_monitor.state").fetchall()
    _commit(watch, "b")
    # As after a fail-over to a copy that had not got the last transaction.
    with psycopg.connect(url) as other:
        for name, content in before:
            other.execute(
                "UPDATE finance_monitor.state SET content = %s WHERE name = %s", (content, name)
            )
        other.execute("DELETE FROM finance_monitor.stories WHERE sequence > 1")
        other.execute("DELETE FROM finance_monitor.folded WHERE sequence > 1")
    _drop(url)
    with pytest.raises(DeposedError, match="behind what was committed"):
        _commit(watch, "c")
    store.close()
    again = Store(url, leads=True)
    _commit(_watch(again), "b", "c")
    assert _ids(again) == ["a", "b", "c"]
    again.close()


def _depose(url: str) -> Store:
    """Another leader, which came while the first had no connection."""
    following: list[Store] = []
    waiting = Thread(target=lambda: following.append(Store(url, leads=True, waits=True)))
    waiting.start()
    wait_for(lambda: _sessions(url) == 2)
    _drop(url, LEADS)
    waiting.join(20)
    return following[0]


def test_who_was_deposed_commits_and_delivers_nothing_more(
    url: str, told: list[str], tmp_path: Path
) -> None:
    first = Store(url, leads=True)
    delivery = Delivery(first, [FileSink(tmp_path / "told.jsonl")])
    watch = _watch(first, delivery=delivery)
    stories = quiet_then_surge()
    cut = next(n for n, one in enumerate(stories) if one.id == "s0-11")
    watch.commit(watch.process(Batch(stories[:cut], [], None)))
    second = _depose(url)
    with pytest.raises(DeposedError, match="another process watches by now"):
        watch.commit(watch.process(Batch(stories[cut : cut + 40], [], None)))
    with pytest.raises(DeposedError):
        first.check()
    delivery.start()
    delivery.wake()
    delivery.stop()
    assert not (tmp_path / "told.jsonl").exists()
    assert not second.rows("SELECT 1 FROM outbox WHERE delivered_at IS NOT NULL")
    assert second.last_sequence() == cut
    # It goes on from what was committed.
    again = _watch(second)
    again.commit(again.process(Batch(stories[cut:], [], None)))
    assert second.last_sequence() == len(stories)
    first.close()
    second.close()


def test_who_could_not_begin_holds_nothing(url: str, told: list[str]) -> None:
    first = Store(url, leads=True)
    with first.transaction():
        first.write_state("version", b"999")
    first.close()
    with pytest.raises(UserError, match="newer version"):
        Store(url, leads=True)
    wait_for(lambda: not _sessions(url))


def test_even_with_a_session_that_lives_who_was_deposed_commits_nothing(
    url: str, told: list[str]
) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    _commit(watch, "a")
    # As where something between the process and the server mixes up sessions.
    other = Store(url)
    with other.transaction():
        other.write_state("leader", b"another")
    with pytest.raises(DeposedError):
        _commit(watch, "b")
    assert _ids(other) == ["a"]
    store.close()
    other.close()


def test_who_is_silent_for_long_loses_the_database(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SILENT_SECONDS", 1.5)
    beat: Callable[[PostgresDatabase], None] = PostgresDatabase._be_heard
    monkeypatch.setattr(PostgresDatabase, "_be_heard", lambda _: None)
    asleep = Store(url, leads=True)
    watch = _watch(asleep)
    step = watch.process(Batch([story("a", 1)], [], None))
    monkeypatch.setattr(PostgresDatabase, "_be_heard", beat)
    awake = Store(url, leads=True, waits=True)
    with pytest.raises(DeposedError):
        watch.commit(step)
    # One that is heard keeps it, whatever takes it so long.
    with awake.transaction():
        time.sleep(2.5)
        awake.write_state("x", b"kept")
    assert awake.read_state("x") == b"kept"
    assert told == []
    assert _ids(awake) == []
    asleep.close()
    awake.close()


def test_who_is_idle_finds_out_all_the_same(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SILENT_SECONDS", 1.5)
    first = Store(url, leads=True)
    second = _depose(url)

    def knows() -> bool:
        try:
            first.check()
        except DeposedError:
            return True
        return False

    wait_for(knows)
    first.close()
    second.close()


def test_reading_waits_while_the_database_is_away(
    url: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(url, leads=True)
    watch = _watch(store)
    refused: list[list[str]] = []

    class Once:
        """A feed of one batch."""

        def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
            _drop(url)
            refused.append(_away(monkeypatch, times=3))
            return Batch([story("a", 1)], [], None, ended=True)

        def acknowledge(self, position: object) -> None:
            pass

        def close(self) -> None:
            pass

    watch.follow(Once(), Event())
    assert len(refused[0]) == 3
    assert _ids(store) == ["a"]
    assert len([line for line in told if line.startswith("Cannot write")]) == 1
    assert not watch.pace.disk_full
    store.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/none", "cannot be used: connection"),
        ("postgresql://u:sec%ret@127.0.0.1/y", "not a URL of PostgreSQL"),
    ],
)
def test_what_cannot_be_opened_is_said_without_the_password(wrong: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        Store(wrong)
    assert "sec" not in str(raised.value)


@pytest.fixture
def clerk(url: str) -> Iterator[str]:
    """The URL of somebody who may make no schema, and see none of others."""
    name = f"clerk_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN")
        try:
            yield url.replace("bizlm@", f"{name}@")
        finally:
            owner.execute(f"DROP OWNED BY {name}")
            owner.execute(f"DROP ROLE {name}")


def test_who_may_see_or_make_nothing_is_told(url: str, clerk: str) -> None:
    with pytest.raises(UserError, match="permission denied for database"):
        Store(clerk, leads=True)
    Store(url).close()
    with pytest.raises(UserError, match="permission denied for schema finance_monitor"):
        find(clerk)


def test_a_schema_that_somebody_else_has_made_will_do(url: str, clerk: str) -> None:
    name = clerk.partition("://")[2].partition("@")[0]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE SCHEMA finance_monitor AUTHORIZATION {name}")
    for _ in range(2):
        store = Store(clerk, leads=True)
        assert store.last_sequence() == 0
        store.close()


def test_only_who_leads_changes_the_tables_of_an_older_version(url: str) -> None:
    store = Store(url, leads=True)
    _commit(_watch(store), "a")
    with store.transaction() as database:
        database.execute("DROP TABLE folded")
        store.write_state("version", b"4")
    store.close()
    with pytest.raises(UserError, match="kept by an older version"):
        Store(url)
    store = Store(url, leads=True)
    assert [row["sequence"] for row in store.rows("SELECT sequence FROM folded")] == [1]
    store.close()


@pytest.mark.parametrize("database", ["mysql://host/name", "Postgresql://h/n"])
def test_what_is_neither_a_file_nor_postgresql_is_not_passed_over(
    database: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="not a database that a monitor can use"):
        place_of(tmp_path, database)
    for of_feedback in ("sqlite:////var/x.sqlite", "x.sqlite", None):
        assert place_of(tmp_path, of_feedback) == store_path(tmp_path)
