"""Tickets in a database that all replicas share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update
from sqlalchemy import text as sql

from apps.customer_service.tickets.arriving.store import take
from apps.customer_service.tickets.conflict import ConflictError, UnknownTicketError
from apps.customer_service.tickets.helpdesk.store import note
from apps.customer_service.tickets.messages import store as messages
from apps.customer_service.tickets.rows.store import find, has, own
from apps.customer_service.tickets.schema import (
    MOST_MESSAGES,
    Arrival,
    Event,
    Message,
    Said,
    Ticket,
)
from common.storage.database import ROWS_TOGETHER, Database
from common.storage.tables import ticket_events, ticket_messages, tickets


class TicketStore:
    """Opens tickets, appends to them, and lets people change them one after the other.

    Args:
        tells: whether a help desk is told of what happens.

    Attributes:
        refused: what no ticket could take, as there are too many or it is too long.
    """

    kinds: Mapping[str, type[BaseModel]] = {"arrival": Arrival}

    def __init__(self, database: Database, *, tells: bool = False) -> None:
        self.database = database
        self.tells = tells
        self.refused = 0

    def add(self, rows: Sequence[Arrival]) -> None:
        """Take what customers said; what is there already is the same again."""
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            for arrival in rows:
                is_kept = take(self.database, connection, arrival, tells=self.tells)
                self.refused += not is_kept

    def open_of(self, conversation_id: str, owner: str) -> Ticket | None:
        """The ticket that is open in a conversation; none of another owner's."""
        theirs = and_(tickets.c.conversation_id == conversation_id, tickets.c.owner == owner)
        with self.database.reading() as connection:
            return find(connection, theirs, has("open"))

    def latest_of(self, conversation_id: str, owner: str) -> Ticket | None:
        """The ticket that is or was the last in a conversation; none of another owner's."""
        theirs = and_(tickets.c.conversation_id == conversation_id, tickets.c.owner == owner)
        with self.database.reading() as connection:
            return find(connection, theirs)

    def holds(self, message_id: str) -> bool:
        """Whether a message is in a ticket."""
        with self.database.reading() as connection:
            return messages.is_known(connection, message_id)

    def get(self, ticket_id: str) -> Ticket:
        """A ticket by its id.

        Raises:
            UnknownTicketError: there is none.
        """
        with self.database.reading() as connection:
            return self._seen(connection, ticket_id, None)

    def messages(
        self, conversation_id: str, *, after: int = 0, limit: int = MOST_MESSAGES
    ) -> list[Message]:
        """What was said in a conversation's tickets after a number, in order."""
        with self.database.reading() as connection:
            return messages.read(connection, conversation_id, after, limit)

    def message(self, message_id: str) -> Message | None:
        """A message by its id; None: it was purged."""
        with self.database.reading() as connection:
            return messages.one(connection, message_id)

    def last_reply(self, ticket_id: str) -> Message | None:
        """What a person wrote last in a ticket, whatever was replied in earlier ones."""
        with self.database.reading() as connection:
            return messages.last_reply(connection, ticket_id)

    def reply(
        self, ticket_id: str, said: Said, version: int | None, *, echo: bool = True
    ) -> Ticket:
        """Append a person's reply; a ticket that nobody has is theirs.

        Args:
            version: what they saw; None: whatever there is.
            echo: whether the help desk is told.

        Raises:
            ConflictError: somebody changed it since, or closed it.
            UnknownTicketError: there is no such ticket.
        """
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            if messages.is_known(connection, said.id):
                return self._seen(connection, ticket_id, None)
            found = self._seen(connection, ticket_id, version)
            self._must_be_open(connection, found)
            messages.append(self.database, connection, found.id, found.conversation_id, [said])
            values = {
                "with_person": True,
                "waiting_since": None,
                "answered_at": found.answered_at or said.at,
                "assigned_to": found.assigned_to or said.author,
            }
            if echo:
                self._note(connection, found.id, "message", said.id)
            return self._change(connection, found, values)

    def assign(self, ticket_id: str, author: str, version: int | None) -> Ticket:
        """Let somebody have it; for the errors see `reply`."""
        values = {"assigned_to": author, "with_person": True}
        return self._change_open(ticket_id, version, values)

    def unassign(self, ticket_id: str, version: int | None) -> Ticket:
        """Nobody has it any more, and it waits for anybody; for the errors see `reply`."""
        return self._change_open(ticket_id, version, {"assigned_to": None})

    def close(self, ticket_id: str, version: int | None) -> Ticket:
        """The assistant answers again; for the errors see `reply`."""
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            found = self._seen(connection, ticket_id, version)
            if found.status == "closed":
                return found
            self._note(connection, found.id, "closed")
            values = {"status": "closed", "with_person": False, "waiting_since": None}
            return self._change(connection, found, values)

    def leave(self, conversation_id: str, owner: str) -> None:
        """The customer asks the assistant again; the ticket stays open."""
        theirs = and_(tickets.c.conversation_id == conversation_id, tickets.c.owner == owner)
        with self.database.writing() as connection:
            query = update(tickets).where(own(), theirs, has("open"))
            connection.execute(query.values(with_person=False))

    def leave_contact(self, conversation_id: str, owner: str, contact: str | None) -> bool:
        """Keep in the open ticket where the customer asks to be reached; whether there is one.

        It goes with the ticket: closed and too old, or purged.

        Args:
            contact: None: it is forgotten, in tickets that are closed as well.
        """
        which = [tickets.c.conversation_id == conversation_id, tickets.c.owner == owner]
        if contact is not None:
            which.append(has("open"))
        with self.database.writing(erasing=contact is None) as connection:
            self._one_at_a_time(connection)
            query = select(tickets.c.id, tickets.c.given).where(own(), *which)
            found = connection.execute(query).all()
            for row in found:
                values = {"given": {**row.given, "contact": contact}}
                connection.execute(update(tickets).where(tickets.c.id == row.id).values(values))
        return bool(found)

    def forget_before(self, at: float) -> int:
        """Delete tickets that were closed before, and what is of them."""
        return self._delete(has("closed"), tickets.c.changed_at < at)

    def purge(self, *, subject: str | None = None, text: str | None = None) -> int:
        """Delete all tickets of a subject, or with a text in them."""
        found = []
        if subject is not None:
            found.append(tickets.c.subject == subject)
        if text is not None:
            holding = ticket_messages.c.text.contains(text, autoescape=True)
            found.append(tickets.c.id.in_(select(ticket_messages.c.ticket_id).where(holding)))
            for name in ("question", "contact"):
                kept = tickets.c.given[name].as_string()
                found.append(kept.contains(text, autoescape=True))
        return self._delete(or_(*found))

    def _delete(self, *which: ColumnElement[bool]) -> int:
        with self.database.writing() as connection:
            # Looked up first: which they are may depend on what is deleted.
            chosen = connection.execute(select(tickets.c.id).where(own(), *which)).scalars().all()
            for start in range(0, len(chosen), ROWS_TOGETHER):
                some = chosen[start : start + ROWS_TOGETHER]
                for table in (ticket_messages, ticket_events):
                    connection.execute(delete(table).where(table.c.ticket_id.in_(some)))
                connection.execute(delete(tickets).where(tickets.c.id.in_(some)))
        return len(chosen)

    def _seen(self, connection: Connection, ticket_id: str, version: int | None) -> Ticket:
        found = find(connection, tickets.c.id == ticket_id)
        if found is None:
            raise UnknownTicketError(ticket_id)
        if version is not None and version != found.version:
            raise ConflictError(found, messages.last_reply(connection, found.id))
        return found

    def _must_be_open(self, connection: Connection, found: Ticket) -> None:
        if found.status == "closed":
            raise ConflictError(found, messages.last_reply(connection, found.id))

    def _change_open(self, ticket_id: str, version: int | None, values: dict[str, Any]) -> Ticket:
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            found = self._seen(connection, ticket_id, version)
            self._must_be_open(connection, found)
            return self._change(connection, found, values)

    def _change(self, connection: Connection, found: Ticket, values: dict[str, Any]) -> Ticket:
        more = {"version": found.version + 1, "changed_at": time.time()}
        where = tickets.c.id == found.id
        connection.execute(update(tickets).where(where).values(**values, **more))
        changed = find(connection, where)
        assert changed
        return changed

    def _note(
        self, connection: Connection, ticket_id: str, kind: Event, message_id: str | None = None
    ) -> None:
        if self.tells:
            note(connection, ticket_id, kind, message_id)

    def _one_at_a_time(self, connection: Connection) -> None:
        # One open ticket a conversation, its messages in their order; SQLite has one writer anyway.
        if not self.database.is_sqlite:
            connection.execute(sql("LOCK TABLE tickets IN SHARE ROW EXCLUSIVE MODE"))
