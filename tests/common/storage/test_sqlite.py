"""Kept connections: none goes on with another file, and what is deleted leaves no byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import databases
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from common.errors import UserError
from common.storage.database import DATABASE, Database


def kept(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM leases")).scalar_one())


def keep(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(text("INSERT INTO leases VALUES (:n, 'me', 0)"), {"n": name})


def test_a_file_that_nobody_works_with_is_whole_and_one_that_is_replaced_is_read_at_once(
    tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    path, other = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    database, another = Database(path), Database(other)
    for name in ("a", "b"):
        keep(another, name)
    another.close()
    assert kept(database) == 0
    keep(database, "c")
    eventually(lambda: not path.with_name("one.sqlite-wal").exists())
    other.replace(path)
    assert kept(database) == 2
    path.unlink()
    with pytest.raises(OperationalError, match="no such table"):
        kept(database)
    database.close()


def test_what_is_deleted_or_overwritten_leaves_no_byte_while_others_have_it_open(
    tmp_path: Path,
) -> None:
    database, another = Database(tmp_path / DATABASE), Database(tmp_path / DATABASE)
    for name in ("zeppelin", "aerostat"):
        keep(database, name)
    assert kept(another) == 2
    assert b"zeppelin" in databases.content(tmp_path)
    with database.writing() as connection:
        connection.execute(text("DELETE FROM leases WHERE name = 'zeppelin'"))
    assert b"zeppelin" not in databases.content(tmp_path)
    with database.writing(erasing=True) as connection:
        connection.execute(text("UPDATE leases SET name = 'balloon'"))
    assert b"aerostat" not in databases.content(tmp_path)
    assert kept(another) == 1
    database.close()
    another.close()


def test_erasing_says_that_somebody_still_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.storage.database.BUSY_SECONDS", 0)
    database, another = Database(tmp_path / DATABASE), Database(tmp_path / DATABASE)
    with another.reading() as connection:
        connection.execute(text("SELECT * FROM leases")).all()
        keep(database, "zeppelin")
        with database.writing() as writing:
            writing.execute(text("DELETE FROM leases"))
        with pytest.raises(UserError, match="somebody reads"):
            database.erase()
    database.erase()
    assert b"zeppelin" not in databases.content(tmp_path)
    database.close()
    another.close()


@pytest.mark.parametrize("name", ["shop?x=1", "a%41", "商店 #1"])
def test_a_store_of_any_name_holds_its_database(tmp_path: Path, name: str) -> None:
    database = Database(tmp_path / name / DATABASE)
    keep(database, "a")
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / DATABASE).stat().st_size
