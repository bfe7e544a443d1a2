"""One SQLite file, one transaction per batch, so that a process may die at any moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Self
from urllib.parse import quote

from apps.finance_monitor.state.backend import Backend, Row
from apps.finance_monitor.state.dialect import Sqlite
from apps.finance_monitor.state.tables import VERSIONS, fill_new
from common.errors import UserError
from common.files import exclusive_lock

LOCK = "monitor.lock"


class SqliteFile(Backend):
    """Opened, and brought up to date.

    Args:
        path: with None, a file of SQLite's own that goes when it is closed.
        leads: no other process leads here until it is closed, or this one dies.
        waits: until no other process leads.

    Raises:
        UserError: it is damaged or cannot be written, a newer version wrote it, or another process
            leads here.
    """

    sql = Sqlite()
    trouble = (sqlite3.OperationalError,)

    def __init__(self, path: Path | None, *, leads: bool = False, waits: bool = False) -> None:
        self._path = path
        self._leads = leads
        self.where = str(path)
        self._lock = RLock()
        self._closing = ExitStack()
        with ExitStack() as opening:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            if path and leads:
                # The system lets go of it when a process dies, and of nothing that lives.
                opening.enter_context(exclusive_lock(path.with_name(LOCK), waits=waits))
            self._database = _connected(path or "")
            opening.callback(self._database.close)
            self._open()
            self._closing = opening.pop_all()

    def _open(self) -> None:
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            # What was committed survives a power failure as well as kill -9.
            self._database.execute("PRAGMA synchronous = FULL")
            self._prepare()
        except sqlite3.DatabaseError as error:
            is_damaged = not isinstance(error, sqlite3.OperationalError)
            raise UserError(
                f"the database cannot be opened: {error}",
                where=self.where,
                hint="Move it away to begin afresh, or restore it: docs/operations.md says how."
                if is_damaged
                else "Free some space and start again: it continues where it stopped.",
            ) from None

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(VERSIONS):
            raise UserError("written by a newer version", where=self.where)
        if version == len(VERSIONS) and not self._leads:
            return
        with self.transaction():
            # Another process may have been faster.
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            for statement in "".join(VERSIONS[version:]).split(";"):
                self._database.execute(statement)
            fill_new(self)
            self._database.execute(f"PRAGMA user_version = {len(VERSIONS)}")

    def check(self) -> None:
        """Nothing takes the lead from a process that lives."""

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All of it or nothing."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def execute(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """One statement."""
        return self._database.execute(query, values)

    def executemany(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """The same statement for many rows."""
        self._database.executemany(query, rows)

    def rows(self, query: str, *values: object) -> list[Row]:
        """The rows of a query."""
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def rows_beside(self, query: str, *values: object) -> list[Row]:
        """As `rows`, by a connection of its own."""
        if self._path is None:
            return self.rows(query, *values)
        with closing(_connected(f"file:{quote(str(self._path.absolute()))}?mode=ro")) as database:
            return database.execute(query, values).fetchall()


def _connected(database: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, 30, check_same_thread=False, isolation_level=None, uri=isinstance(database, str)
    )
    connection.row_factory = sqlite3.Row
    return connection
