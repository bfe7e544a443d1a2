"""Connections to a SQLite file: kept while they are used, and its write-ahead log emptied."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

# For another's write to end.
BUSY_SECONDS = 30
# So many are kept; while more are needed, more are opened. The last connection that closes writes
# the whole log into the file, which costs several times what a small transaction does.
POOL: dict[str, Any] = {"pool_size": 4, "max_overflow": -1, "pool_use_lifo": True}
# None is kept for longer than that after the last use: a file that nobody works with is whole by
# itself, and may be moved or replaced.
KEPT_SECONDS = 2.0
# What is noted of a connection.
OPENED, DELETED = "opened", "deleted"


class KeptConnections:
    """Prepares the connections of an engine, and closes those that nobody uses any more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._used_at = 0.0
        self._using = threading.Lock()
        self._closer: threading.Thread | None = None
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "checkout", self._check_out)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "after_cursor_execute", _note_deleted)

    def _check_out(self, connection: Any, record: Any, _: object) -> None:
        """A kept connection must not go on with a file that was moved, deleted or replaced."""
        with suppress(OSError):
            if record.info[OPENED] == _opened(connection):
                self._close_later()
                return
        raise DisconnectionError("another file, or another process")

    def _close_later(self) -> None:
        with self._using:
            self._used_at = time.monotonic()
            # A fork has the thread's name alone.
            if self._closer is None or not self._closer.is_alive():
                self._closer = threading.Thread(target=self._close_unused, daemon=True)
                self._closer.start()

    def _close_unused(self) -> None:
        pause = KEPT_SECONDS
        while True:
            time.sleep(pause)
            with self._using:
                pause = self._used_at + KEPT_SECONDS - time.monotonic()
                pool = self._engine.pool
                if isinstance(pool, QueuePool) and pool.checkedout():
                    pause = KEPT_SECONDS
                elif pause <= 0:
                    self._engine.dispose()
                    self._closer = None
                    return


def has_deleted(connection: Connection) -> bool:
    """Whether it deleted something since this was asked last."""
    return bool(connection.info.pop(DELETED, False))


def empty_log(engine: Engine, milliseconds: int) -> bool:
    """Move the write-ahead log, in which what was deleted still stands, into the file.

    Args:
        milliseconds: for which it waits until nobody reads.

    Returns:
        False: somebody still does, and it stands there.
    """
    with engine.raw_connection() as raw:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
        try:
            is_busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
    return not is_busy


def _prepare(connection: Any, record: Any) -> None:
    # SQLAlchemy begins the transactions, not the driver: the shape of tables changes within one.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    record.info[OPENED] = _opened(connection)


def _opened(connection: Any) -> tuple[int, int, int]:
    """The file that is at a connection's path now, and the process, which may have been forked."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    found = Path(path).stat()
    return os.getpid(), found.st_dev, found.st_ino


def _begin(connection: Connection) -> None:
    # One that reads first and writes later would be refused if another wrote between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _note_deleted(connection: Connection, cursor: Any, statement: str, *_: object) -> None:
    if statement.startswith("DELETE") and cursor.rowcount > 0:
        connection.info[DELETED] = True
