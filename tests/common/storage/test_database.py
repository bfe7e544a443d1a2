from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import databases
import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import InterfaceError

from common.errors import UserError
from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.storage import leases
from common.storage.database import Database
from common.storage.leases import lease
from common.storage.tables import metadata


@pytest.fixture(params=databases.KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with databases.empty(request.param, tmp_path) as made:
        yield made


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    database = Database(url)
    found = inspect(database.engine)
    for name, table in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert columns == {column.name: column.nullable for column in table.columns}
    database.close()


def test_processes_that_open_it_at_once_migrate_it_once(url: str) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(url).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {*inspect(Database(url).engine).get_table_names()} >= {*metadata.tables}


def test_an_older_database_keeps_its_rows(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade
    with monkeypatch.context() as older:
        older.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
        database = Database(url)
    row = Feedback(id="kept", at=1.0, source="s", kind="correction", text="从前的纠错")
    FeedbackStore(database, "shop").add([row])
    assert "events" not in inspect(database.engine).get_table_names()
    database.close()
    again = Database(url)
    assert FeedbackStore(again, "shop").feedback() == [row]
    assert "events" in inspect(again.engine).get_table_names()
    again.close()


def test_a_newer_database_is_refused(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(UserError, match="newer version"):
        Database(url)


def test_a_transaction_is_all_or_nothing(url: str) -> None:
    database = Database(url)
    insert = text("INSERT INTO leases VALUES ('a', 'me', 0)")
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(insert)
        _ = 1 / 0
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM leases")).scalar() == 0
    database.close()


def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bizlm.sqlite"
    path.write_bytes(b"not what it was" * 100)
    with pytest.raises(UserError, match="cannot be read: file is not a database"):
        Database(path)
    assert path.read_bytes() == b"not what it was" * 100


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/none", "does not answer"),
        ("oracle-of-delphi://here", "not a database that is known"),
    ],
)
def test_what_cannot_be_opened_is_said_without_the_password(url: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        Database(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_lease_is_one_holder_s_and_is_given_up_when_its_holder_dies(
    kind: str, tmp_path: Path
) -> None:
    with databases.empty(kind, tmp_path) as url:
        database = Database(url)
        refused = pytest.raises(UserError, match="running already")
        held = lease(database, "learn"), lease(database, "another")
        with held[0], held[1], refused, lease(database, "learn"):
            pass
        with lease(database, "learn"):
            pass
        with database.writing() as connection:
            dead = {"name": "learn", "holder": "host:1:x", "expires_at": time.time() - 1}
            connection.execute(metadata.tables["leases"].insert().values(dead))
        with lease(database, "learn"):
            pass
        database.close()


def test_a_lease_outlasts_a_clock_that_jumps(tmp_path: Path) -> None:
    database = Database(tmp_path / "one.sqlite")
    refused = pytest.raises(UserError, match="running already")
    with lease(database, "learn"):
        with database.writing() as connection:
            connection.execute(text("UPDATE leases SET expires_at = 1"))
        with refused, lease(database, "learn"):
            pass
        with database.writing() as connection:
            # As of an earlier process with the same number.
            now, earlier = f":{leases._started(os.getpid())}-", ":1-"
            change = text(
                "UPDATE leases SET expires_at = 9e9, holder = replace(holder, :now, :then)"
            )
            connection.execute(change, {"now": now, "then": earlier})
        with lease(database, "learn"):
            pass
    database.close()


def test_a_lease_of_a_process_that_died_here_is_free_at_once(tmp_path: Path) -> None:
    code = (
        "import os, sys; from common.storage.database import Database;"
        "from common.storage.leases import lease\n"
        "with lease(Database(sys.argv[1]), 'learn'): os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "one.sqlite"
    killed = subprocess.Popen([sys.executable, "-c", code, str(path)])
    # Dead, and its parent has not asked yet.
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    database = Database(path)
    with lease(database, "learn"):
        pass
    database.close()
    assert killed.wait() == -signal.SIGKILL
    assert leases._is_given_up(f"{leases._here()}:{killed.pid}:1-x", False)


def test_a_lease_of_the_version_before_is_its_holder_s_until_its_time_is_over() -> None:
    holder = f"{leases._here()}:{os.getpid()}:0123abcd"
    assert not leases._is_given_up(holder, False)
    assert leases._is_given_up(holder, True)


def test_a_lease_is_renewed_as_long_as_it_is_held(tmp_path: Path) -> None:
    database = Database(tmp_path / "one.sqlite")
    with lease(database, "learn", seconds=0.3):
        time.sleep(1)
        with pytest.raises(UserError, match="running already"), lease(database, "learn"):
            pass


def test_a_lease_is_renewed_after_a_connection_that_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    database = Database(tmp_path / "one.sqlite")
    writing, failed = database.writing, threading.Event()

    def breaking() -> AbstractContextManager[Connection]:
        if threading.current_thread() is not threading.main_thread() and not failed.is_set():
            failed.set()
            raise InterfaceError("UPDATE", {}, Exception("the connection is closed"))
        return writing()

    def expires_at() -> float:
        with database.reading() as connection:
            return float(connection.execute(text("SELECT expires_at FROM leases")).scalar_one())

    monkeypatch.setattr(database, "writing", breaking)
    with lease(database, "learn", seconds=0.3):
        begun = expires_at()
        assert failed.wait(30)
        eventually(lambda: expires_at() > begun)
    database.close()
