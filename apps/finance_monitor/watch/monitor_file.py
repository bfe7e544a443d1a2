"""One SQLite file for all that a monitor keeps, one transaction per batch.

Position in the feed, stories, counts, detector, alerts and what is still to be delivered change
together, so that a process may die at any moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from apps.finance_monitor.watch.tables import VERSIONS
from common.errors import UserError
from common.records.text import searchable


class MonitorFile:
    """Opened, and brought up to date; safe to use from several threads and several processes.

    Raises:
        UserError: it is damaged or cannot be written, or a newer version wrote it.
    """

    def __init__(self, path: Path | None) -> None:
        """Open `path`; with None, a file of SQLite's own that goes when it is closed."""
        self.path = path
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._database = _connected(path or "")
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            # What was committed survives a power failure as well as kill -9.
            self._database.execute("PRAGMA synchronous = FULL")
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._database.close()
            is_damaged = not isinstance(error, sqlite3.OperationalError)
            raise UserError(
                f"the database cannot be opened: {error}",
                where=str(path),
                hint="Move it away to begin afresh, or restore it: docs/operations.md says how."
                if is_damaged
                else "Free some space and start again: it continues where it stopped.",
            ) from None

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(VERSIONS):
            raise UserError("written by a newer version", where=str(self.path))
        if version < len(VERSIONS):
            added = "".join(VERSIONS[version:])
            self._database.executescript(
                f"BEGIN; {added} PRAGMA user_version = {len(VERSIONS)}; COMMIT;"
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def rows_beside(self, query: str, *values: object) -> list[sqlite3.Row]:
        """As `rows`, of a query that may take long: writing does not wait for it."""
        if self.path is None:
            return self.rows(query, *values)
        with closing(_connected(f"file:{quote(str(self.path.absolute()))}?mode=ro")) as database:
            return database.execute(query, values).fetchall()

    def read_state(self, name: str) -> bytes | None:
        """What `write_state` kept under `name`."""
        found = self.rows("SELECT content FROM state WHERE name = ?", name)
        return bytes(found[0][0]) if found else None

    def write_state(self, name: str, content: bytes) -> None:
        """Keep `content`; to be called within a transaction."""
        self._database.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, content))


def _connected(database: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, 30, check_same_thread=False, isolation_level=None, uri=isinstance(database, str)
    )
    connection.row_factory = sqlite3.Row
    connection.create_function("searchable", 1, searchable, deterministic=True)
    return connection
