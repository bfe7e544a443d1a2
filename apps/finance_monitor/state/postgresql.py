"""Tables in PostgreSQL, where one process at a time leads, on whichever machine.

The leader's only writing session holds an advisory lock. Whoever loses the session loses the lock,
and can commit nothing more: what it writes goes through that session. The server ends a session of
which it has not heard for `SILENT_SECONDS`, be it that the machine is gone or that the process was
stopped; a process that wakes up then finds out before it writes. Beside the lock, the database
holds the leader's mark, which each of its transactions looks at: a leader that connects again goes
on only where nobody has led in between, since what it holds in memory is of the past otherwise.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, RLock, Thread
from time import sleep
from typing import Self, TypeVar
from uuid import uuid4

import psycopg

from apps.finance_monitor.state.backend import Backend, Cursor, DeposedError, Row
from apps.finance_monitor.state.connecting import (
    Connection,
    answering,
    connect,
    fetched,
    said,
    shown,
    spelled,
    without_nul,
)
from apps.finance_monitor.state.dialect import Postgresql
from apps.finance_monitor.state.moving import take_over
from apps.finance_monitor.state.preparing import KEEP, prepare
from common.console import say
from common.errors import UserError

# The server ends the session of a leader that says nothing for so long; a living one says more.
SILENT_SECONDS = 15.0
# Between statements, within a transaction, and where it does not take what it asked for.
SILENCE = ("idle_session_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
LOOK_SECONDS = 1.0
# Any number, the same in every process.
LEADS = 0x6D6F6E69746F72

Found = TypeVar("Found")


class PostgresDatabase(Backend):
    """A schema of a database, brought to this version's shape.

    Args:
        url: `postgresql://user@host/name`; of the server itself, or of a pooler that leaves a
            session with its client.
        leads: no other process leads here until this is closed.
        waits: until no other process leads.
        before: a file with which this goes on where no monitor has run here.

    Raises:
        UserError: nobody answers there, a newer version has been there, or another process leads.
    """

    sql = Postgresql()
    trouble = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)

    def __init__(
        self,
        url: str,
        *,
        leads: bool = False,
        waits: bool = False,
        before: Path | None = None,
    ) -> None:
        self._url = url
        self._lock = RLock()
        self._in_transaction = False
        # Left in the database by who leads, with the number of its transactions; "" until then.
        self._mark, self._number = "", 0
        # No answer came to the last commit.
        self._is_in_doubt = False
        self._leads = leads
        self._deposed: DeposedError | None = None
        self._closed = Event()
        self.where = shown(url)
        self._connection = answering(self._connect, self.where)
        try:
            answering(partial(self._begin, waits), self.where)
            if before:
                answering(partial(take_over, before, self), self.where)
        except BaseException:
            self.close()
            raise

    def _begin(self, waits: bool) -> None:
        if self._leads:
            # Before the tables change: an older version may lead still.
            self._take_the_lead(waits)
            Thread(target=self._be_heard, name="leader", daemon=True).start()
        prepare(self, leads=self._leads)
        if self._leads:
            mark = f"{socket.gethostname()}, process {os.getpid()} {uuid4().hex}"
            with self.transaction():
                self.execute(KEEP, ("leader", _numbered(mark, 0)))
            self._mark = mark

    def close(self) -> None:
        """End the session, and with it the lead."""
        self._closed.set()
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All of it or nothing.

        Raises:
            DeposedError: another process leads, or did.
        """
        with self._lock:
            self._again_if_lost(lambda: self._connection.execute("BEGIN"))
            self._in_transaction = True
            try:
                if self._mark:
                    self._count()
                yield self
                self._is_in_doubt = bool(self._mark)
                self._connection.execute("COMMIT")
                self._number += self._is_in_doubt
                self._is_in_doubt = False
            except BaseException:
                with suppress(*self.trouble):
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._in_transaction = False

    def execute(self, query: str, values: Sequence[object] = ()) -> Cursor:
        """One statement."""
        done: Cursor = self._connection.execute(spelled(query), without_nul(values))
        return done

    def executemany(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """The same statement for many rows."""
        with self._connection.cursor() as cursor:
            cursor.executemany(spelled(query), [without_nul(row) for row in rows])

    def rows(self, query: str, *values: object) -> list[Row]:
        """The rows of a query."""
        with self._lock:
            if self._in_transaction:
                return fetched(self._connection, query, values)
            return self._again_if_lost(lambda: fetched(self._connection, query, values))

    def rows_beside(self, query: str, *values: object) -> list[Row]:
        """As `rows`, by a connection of its own."""
        with self._connect() as connection:
            return fetched(connection, query, values)

    def check(self) -> None:
        """See whether this process leads still, as far as is known."""
        if self._deposed:
            raise self._deposed

    def _connect(self) -> Connection:
        connection = connect(self._url)
        if self._leads:
            silent = f"{SILENT_SECONDS * 1000:.0f}"
            for name in SILENCE:
                connection.execute(f"SET {name} = {silent}")
        return connection

    def _again_if_lost(self, act: Callable[[], Found]) -> Found:
        """Once more by a new connection, where the server or the network has ended this one."""
        try:
            return act()
        except self.trouble as error:
            if not self._connection.closed or self._closed.is_set():
                raise
            self._connection = self._reconnected()
            say(f"Lost the connection to the database, and have it again: {said(error)}")
            return act()

    def _reconnected(self) -> Connection:
        connection = self._connect()
        try:
            has_lock = not self._leads or _locks(connection)
            if self._mark:
                self._check_lead(connection, is_settled=has_lock)
            if not has_lock:
                raise psycopg.OperationalError("the server has not ended the session before yet")
        except BaseException:
            connection.close()
            raise
        return connection

    def _count(self) -> None:
        """Number the transaction; who leads next waits for it, or it fails."""
        if self._is_in_doubt:
            self._check_lead(self._connection)
        counted = self._connection.execute(
            "UPDATE state SET content = %s WHERE name = 'leader' AND content = %s",
            (_numbered(self._mark, self._number + 1), _numbered(self._mark, self._number)),
        )
        if counted.rowcount != 1:
            self._check_lead(self._connection)

    def _check_lead(self, connection: Connection, *, is_settled: bool = True) -> None:
        """See whose mark is there, and whether the commit in doubt was one.

        Args:
            is_settled: the session before has ended: what it was committing is there by now, or
                never will be.

        Raises:
            DeposedError: it is another's, or one from before.
        """
        found = connection.execute("SELECT content FROM state WHERE name = 'leader'").fetchone()
        held = bytes(found["content"]) if found else b""
        is_own = held.startswith(self._mark.encode())
        if is_own and not is_settled:
            return
        if self._is_in_doubt and held == _numbered(self._mark, self._number + 1):
            self._number += 1
        self._is_in_doubt = False
        if held != _numbered(self._mark, self._number):
            self._deposed = DeposedError(
                "the database is behind what was committed to it: this process ends"
                if is_own
                else "another process watches by now: this one ends",
                where=self.where,
                hint="Start it again: it goes on from what the database holds.",
            )
            raise self._deposed

    def _take_the_lead(self, waits: bool) -> None:
        """Look every second: one statement that waits for weeks would keep dead rows alive."""
        is_lost = False
        while True:
            try:
                if _locks(self._connection):
                    return
                is_lost = False
            except self.trouble as error:
                if not waits:
                    raise
                if not is_lost:
                    say(f"Standing by, while the database does not answer: {said(error)}")
                is_lost = True
            if not waits:
                raise UserError(
                    "another process watches with this database",
                    where=self.where,
                    hint="Wait for its end with --standby, or give this one a database of its own.",
                )
            sleep(LOOK_SECONDS)
            if self._connection.closed:
                with suppress(*self.trouble):
                    self._connection = self._connect()

    def _be_heard(self) -> None:
        """Let the server know that this process lives, whatever its other threads do."""
        while not self._closed.wait(SILENT_SECONDS / 5):
            try:
                if self._connection.closed:
                    self.rows("SELECT 1 AS one")
                else:
                    # Within the transaction of another thread, if there is one.
                    self._connection.execute("SELECT 1")
            except DeposedError:
                return
            except psycopg.Error:
                continue


def _numbered(mark: str, number: int) -> bytes:
    return f"{mark} {number}".encode()


def _locks(connection: Connection) -> bool:
    found = connection.execute("SELECT pg_try_advisory_lock(%s) AS is_mine", (LEADS,)).fetchone()
    return bool(found and found["is_mine"])
