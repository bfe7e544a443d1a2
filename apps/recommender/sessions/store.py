"""What was recommended to each session, for all processes of a database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, select, update

from apps.recommender.sessions.memory import LASTS, MOST_SHOWN, latest
from common.storage.database import DATABASE_TROUBLE, Database
from common.storage.tables import session_items

logger = logging.getLogger(__name__)


class SharedSessions:
    """As `ShownInSessions`, in the database; while that is down, nothing is known to be shown.

    Args:
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        application: str,
        *,
        most_shown: int = MOST_SHOWN,
        lasts: float = LASTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._application = application
        self._most_shown = most_shown
        self._lasts = lasts
        self._clock = clock

    def of(self, session_id: str) -> list[str]:
        """What was shown to a session, the latest last."""
        try:
            with self._database.reading() as connection:
                return self._read(connection, session_id)
        except DATABASE_TROUBLE as error:
            _warn(error)
            return []

    def add(self, session_id: str, items: Iterable[str]) -> None:
        """Keep what was shown, and forget sessions that are over."""
        table, now = session_items.c, self._clock()
        over = (table.application == self._application) & (table.at < now - self._lasts)
        try:
            with self._database.writing() as connection:
                connection.execute(delete(session_items).where(over))
                shown = latest(self._read(connection, session_id), items, self._most_shown)
                values = {"at": now, "shown": shown}
                key = {"application": self._application, "session": _hash(session_id)}
                self._database.insert_new(connection, session_items, [key | values])
                own = self._own(session_id)
                connection.execute(update(session_items).where(own).values(values))
        except DATABASE_TROUBLE as error:
            _warn(error)

    def forget(self, session_id: str) -> None:
        """Show it all again."""
        try:
            with self._database.writing() as connection:
                connection.execute(delete(session_items).where(self._own(session_id)))
        except DATABASE_TROUBLE as error:
            _warn(error)

    def _read(self, connection: Connection, session_id: str) -> list[str]:
        begun = session_items.c.at >= self._clock() - self._lasts
        wanted = select(session_items.c.shown).where(self._own(session_id), begun)
        found: list[str] | None = connection.execute(wanted).scalar()
        return found or []

    def _own(self, session_id: str) -> ColumnElement[bool]:
        table = session_items.c
        return (table.application == self._application) & (table.session == _hash(session_id))


def _hash(session_id: str) -> str:
    return sha256(session_id.encode()).hexdigest()[:32]


def _warn(error: Exception) -> None:
    logger.warning("what was shown to a session is not known: %s", error)
