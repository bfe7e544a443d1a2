"""A database by its URL: SQLite in a file, or PostgreSQL for more than one machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DisconnectionError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from common.errors import UserError

# What a database raises that is down, full or read-only; a mistake of ours is something else.
DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
MIGRATIONS = Path(__file__).parent / "migrations"
# What a store's own file is called.
DATABASE = "bizlm.sqlite"
# For another's write to end; for an answer over the network.
BUSY_SECONDS = 30
CONNECT_SECONDS = 5
# For readers to end, before what was deleted leaves the write-ahead log; else it leaves it later.
ERASE_MILLISECONDS = 1000
# Connections that are kept; while more are needed, more are opened.
KEPT_CONNECTIONS = 4
# None is kept for longer than that after its last use: a file that nobody works with is whole by
# itself, and may be moved or replaced.
KEPT_SECONDS = 2.0
# A SQLite statement may name so many values.
ROWS_TOGETHER = 500
# Any number, the same in every process: whoever holds it migrates.
MIGRATION_LOCK = 0x62697A6C
# What is noted of a connection.
OPENED, DELETED = "opened", "deleted"


class Database:
    """Tables behind a URL, brought to this version's shape when opened.

    Args:
        url: `sqlite:////path/to/file`, `postgresql://user@host/name`, or the path of a file.

    Raises:
        UserError: not a URL, nobody answers there, or a newer version has been there.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = _full_url(url)
        self.place = _without_password(self.url)
        self._used_at = 0.0
        self._closer: threading.Thread | None = None
        self._using = threading.Lock()
        self.engine = self._connect()
        try:
            self._migrate()
        except OperationalError as error:
            reason = database_said(error)
            raise UserError(f"the database does not answer: {reason}", where=self.place) from None
        except DatabaseError as error:
            if not self.is_sqlite:
                raise
            raise UserError(
                f"the database cannot be read: {error.orig}",
                where=self.place,
                hint="Restore it from a backup: docs/operations.md says how.",
            ) from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the tables."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, erasing: bool = False) -> Iterator[Connection]:
        """A transaction: all of it or nothing. What it deletes is gone from the files as well.

        Args:
            erasing: so is what it overwrites.
        """
        options = {"writes": True}
        with self.engine.connect().execution_options(**options) as connection:
            with connection.begin():
                yield connection
            erasing = bool(connection.info.pop(DELETED, False)) or erasing
        if erasing and self.is_sqlite:
            with suppress(*DATABASE_TROUBLE):
                self._empty_log(ERASE_MILLISECONDS)

    def insert_new(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Insert the rows whose key is not there yet."""
        insert = sqlite.insert if self.is_sqlite else postgresql.insert
        for start in range(0, len(rows), ROWS_TOGETHER):
            some = rows[start : start + ROWS_TOGETHER]
            connection.execute(insert(table).on_conflict_do_nothing(), some)

    def erase(self) -> None:
        """Give back the bytes of what was deleted, so that none can be read from the files.

        Raises:
            UserError: others read the database for so long that they still can.
        """
        if not self.is_sqlite:
            options = {"isolation_level": "AUTOCOMMIT"}
            with self.engine.connect().execution_options(**options) as connection:
                connection.execute(text("VACUUM"))
            return
        with self.engine.raw_connection() as raw:
            raw.cursor().execute("VACUUM")
        if not self._empty_log(1000 * BUSY_SECONDS):
            raise UserError(
                "what was deleted still stands in the write-ahead log, which somebody reads",
                where=self.place,
                hint="Do the same again when nobody does.",
            )

    def _empty_log(self, milliseconds: int) -> bool:
        """Move the write-ahead log, in which what was deleted still stands, into the file."""
        with self.engine.raw_connection() as raw:
            cursor = raw.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
            try:
                is_busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        return not is_busy

    def _connect(self) -> Engine:
        is_sqlite = self.url.startswith("sqlite")
        # Errors are logged, and what people say must not be.
        options: dict[str, Any] = {"hide_parameters": True}
        if is_sqlite:
            # The last connection that closes writes the whole log into the file: three times the
            # work of a small transaction.
            options |= {"pool_size": KEPT_CONNECTIONS, "max_overflow": -1, "pool_use_lifo": True}
        else:
            options["pool_pre_ping"] = True
        wait = {"timeout": BUSY_SECONDS} if is_sqlite else {"connect_timeout": CONNECT_SECONDS}
        try:
            engine = create_engine(self.url, poolclass=QueuePool, connect_args=wait, **options)
        except ModuleNotFoundError as error:
            raise UserError(
                f"{self.place} needs {error.name}", hint="pip install -e '.[postgres]'"
            ) from None
        except (ArgumentError, NoSuchModuleError):
            raise UserError(
                f"not a database that is known: {self.place}",
                hint="Give sqlite:////path/to/file or postgresql://user@host/name",
            ) from None
        if is_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "checkout", self._check_out)
            event.listen(engine, "begin", _begin_sqlite)
            event.listen(engine, "after_cursor_execute", _note_deleted)
        return engine

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
                if self._pool.checkedout():
                    pause = KEPT_SECONDS
                elif pause <= 0:
                    self.engine.dispose()
                    self._closer = None
                    return

    @property
    def _pool(self) -> QueuePool:
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError:
                raise UserError("written by a newer version", where=self.place) from None


def database_said(error: Exception) -> str | None:
    """What is wrong with a database that is in trouble, in one line; None: something else is."""
    # SQLite says no more of a file that is damaged.
    if not isinstance(error, DATABASE_TROUBLE) and type(error) is not DatabaseError:
        return None
    said = str(getattr(error, "orig", error)).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _full_url(url: str | Path) -> str:
    if isinstance(url, Path) or "://" not in url:
        path = Path(url).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{path}"
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    return url


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.partition("://")[0]


def _prepare_sqlite(connection: Any, record: Any) -> None:
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


def _begin_sqlite(connection: Connection) -> None:
    # One that reads first and writes later would be refused if another wrote between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _note_deleted(connection: Connection, cursor: Any, statement: str, *_: object) -> None:
    if statement.startswith("DELETE") and cursor.rowcount > 0:
        connection.info[DELETED] = True
