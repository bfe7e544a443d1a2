"""A database by its URL: SQLite in a file, or PostgreSQL for more than one machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from common.errors import UserError
from common.storage.sqlite import BUSY_SECONDS, POOL, KeptConnections, empty_log, has_deleted

# What a database raises that is down, full or read-only; a mistake of ours is something else.
DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
MIGRATIONS = Path(__file__).parent / "migrations"
# What a store's own file is called.
DATABASE = "bizlm.sqlite"
# For an answer over the network.
CONNECT_SECONDS = 5
# For readers to end, before what was deleted leaves the write-ahead log; else it leaves it later.
ERASE_MILLISECONDS = 1000
# A SQLite statement may name so many values.
ROWS_TOGETHER = 500
# Any number, the same in every process: whoever holds it migrates.
MIGRATION_LOCK = 0x62697A6C


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
            erasing = has_deleted(connection) or erasing
        if erasing and self.is_sqlite:
            with suppress(*DATABASE_TROUBLE):
                empty_log(self.engine, ERASE_MILLISECONDS)

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
        if not empty_log(self.engine, 1000 * BUSY_SECONDS):
            raise UserError(
                "what was deleted still stands in the write-ahead log, which somebody reads",
                where=self.place,
                hint="Do the same again when nobody does.",
            )

    def _connect(self) -> Engine:
        is_sqlite = self.url.startswith("sqlite")
        # Errors are logged, and what people say must not be.
        options: dict[str, Any] = {"hide_parameters": True}
        if is_sqlite:
            options |= POOL
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
            KeptConnections(engine)
        return engine

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
        # A question mark would begin the options of the URL.
        return "sqlite:///" + str(path).replace("%", "%25").replace("?", "%3F")
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    return url


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.partition("://")[0]
