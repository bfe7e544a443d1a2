"""From a file into PostgreSQL, once: an installation that names a database goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from apps.finance_monitor.state.backend import Backend
from apps.finance_monitor.state.sqlite_file import SqliteFile
from common.console import progress, say
from common.errors import UserError

TABLES = (
    *("state", "stories", "folded", "negatives", "texts", "windows"),
    *("alerts", "silences", "outbox", "refused"),
)
# Tables whose rows are numbered by the database.
NUMBERED = {"silences": "silence_id", "outbox": "number"}
MOVED_TOGETHER = 1000


def take_over(path: Path, backend: Backend) -> None:
    """Copy what a monitor's file holds into a database where no monitor has run, if there is one.

    All of it or nothing; the file stays as it is, and is not looked at again.

    Raises:
        UserError: another process watches with the file, or it cannot be read.
    """
    if not path.exists() or backend.rows("SELECT 1 FROM state WHERE name = 'monitor'"):
        return
    say(f"Taking over {path} into {backend.where}")
    try:
        _copy_all(path, backend)
    except sqlite3.Error as error:
        raise UserError(
            f"it cannot be taken over into the database: {error}",
            where=str(path),
            hint="Restore it, or move it away to begin afresh: docs/operations.md says how.",
        ) from None
    say(f"{path} was taken over. It stays as it is, and is used no more.")


def _copy_all(path: Path, backend: Backend) -> None:
    with closing(SqliteFile(path, leads=True)) as file, backend.transaction():
        for table in TABLES:
            _copy(file, backend, table)
        for table, number in NUMBERED.items():
            backend.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{number}'),"
                f" (SELECT coalesce(max({number}), 0) + 1 FROM {table}), false)"
            )


def _copy(file: SqliteFile, backend: Backend, table: str) -> None:
    (counted,) = file.rows(f"SELECT count(*) AS rows FROM {table}")
    with progress(f"Copying {table}", counted["rows"]) as advance:
        for names, some in _parts(file, table):
            marks = ", ".join("?" * len(names))
            backend.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", some)
            advance(len(some))


def _parts(file: SqliteFile, table: str) -> Iterator[tuple[list[str], list[tuple[object, ...]]]]:
    """Names of columns, and some rows of them at a time."""
    cursor = file.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(MOVED_TOGETHER):
        yield names, [tuple(row) for row in rows]
