"""What a help desk is still to be told, in a database: numbers and kinds, but no text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from apps.customer_service.tickets.schema import Event
from common.storage.database import Database
from common.storage.tables import ticket_events, tickets

APPLICATION = "customer_service"
# Whoever takes an event and dies is given up after this long.
CLAIM_SECONDS = 60.0
MOST_TOGETHER = 50


class Noted(BaseModel):
    """One event that is to be told."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    number: int
    ticket_id: str
    message_id: str | None
    kind: Event
    at: float
    due_at: float
    attempts: int

    @property
    def key(self) -> str:
        """The same however often it is sent."""
        return f"{self.ticket_id}:{self.kind}:{self.message_id or ''}"


def note(connection: Connection, ticket_id: str, kind: Event, message_id: str | None) -> None:
    """Put an event in the outbox, within the transaction that brings it about."""
    now = time.time()
    row = {
        "application": APPLICATION,
        "ticket_id": ticket_id,
        "message_id": message_id,
        "kind": kind,
        "at": now,
        "due_at": now,
        "attempts": 0,
    }
    connection.execute(insert(ticket_events), row)


class EventStore:
    """The outbox: of each ticket, one event after the other, whichever replica sends it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self) -> Sequence[Noted]:
        """Of each ticket the first event that waits, if its time has come."""
        firsts = select(func.min(ticket_events.c.number)).where(_waits())
        grouped = firsts.group_by(ticket_events.c.ticket_id)
        wanted = and_(ticket_events.c.number.in_(grouped), ticket_events.c.due_at <= time.time())
        query = select(ticket_events).where(wanted).order_by(ticket_events.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(MOST_TOGETHER)).all()
        return [Noted.model_validate(row) for row in rows]

    def claim(self, event: Noted) -> bool:
        """Take an event; False: another replica was faster."""
        same = and_(ticket_events.c.number == event.number, ticket_events.c.due_at == event.due_at)
        values = {"due_at": time.time() + CLAIM_SECONDS, "attempts": event.attempts + 1}
        with self._database.writing() as connection:
            query = update(ticket_events).where(same).values(values)
            return connection.execute(query).rowcount == 1

    def called(self, event: Noted, remote_id: str) -> None:
        """Keep what the help desk calls the ticket."""
        same = tickets.c.id == event.ticket_id
        with self._database.writing() as connection:
            connection.execute(update(tickets).where(same).values(remote_id=remote_id))

    def told(self, event: Noted) -> None:
        """It is delivered."""
        with self._database.writing() as connection:
            gone = ticket_events.c.number == event.number
            connection.execute(delete(ticket_events).where(gone))

    def failed(self, event: Noted, wait: float) -> None:
        """Try it again after so many seconds."""
        self._set(event, due_at=time.time() + wait)

    def refused(self, event: Noted, reason: str) -> None:
        """Set it aside: what is refused for good holds up nothing."""
        self._set(event, error=reason)

    def counts(self) -> tuple[int, int]:
        """How many events wait, and how many are set aside."""
        columns = (func.count(), func.count(ticket_events.c.error))
        query = select(*columns).where(ticket_events.c.application == APPLICATION)
        with self._database.reading() as connection:
            every, aside = connection.execute(query).one()
        return every - aside, aside

    def _set(self, event: Noted, **values: float | str) -> None:
        same = ticket_events.c.number == event.number
        with self._database.writing() as connection:
            connection.execute(update(ticket_events).where(same).values(**values))


def _waits() -> ColumnElement[bool]:
    return and_(ticket_events.c.application == APPLICATION, ticket_events.c.error.is_(None))
