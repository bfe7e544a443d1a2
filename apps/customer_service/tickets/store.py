"""Tickets in a database that all replicas share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy import text as sql

from apps.customer_service.tickets.conflict import ConflictError, UnknownTicketError
from apps.customer_service.tickets.helpdesk.store import note
from apps.customer_service.tickets.messages import store as messages
from apps.customer_service.tickets.schema import (
    MOST_MESSAGES,
    MOST_OPEN,
    URGENCY,
    Arrival,
    Event,
    Message,
    Said,
    Status,
    Ticket,
    Why,
)
from common.storage.database import ROWS_TOGETHER, Database
from common.storage.tables import ticket_events, ticket_messages, tickets

APPLICATION = "customer_service"


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
                self._take(connection, arrival)

    def _take(self, connection: Connection, arrival: Arrival) -> None:
        if messages.is_known(connection, arrival.said[0].id):
            return
        same = tickets.c.conversation_id == arrival.conversation_id
        found = self._find(connection, same, tickets.c.status == "open")
        if found is None and arrival.why:
            count = select(func.count()).select_from(tickets).where(_own(), _is("open"))
            if connection.execute(count).scalar_one() >= MOST_OPEN:
                self.refused += 1
                return
            self._open(connection, arrival, arrival.why)
        elif found and messages.count(connection, found.id) < MOST_MESSAGES:
            self._go_on(connection, found, arrival)
        else:
            self.refused += 1

    def _open(self, connection: Connection, arrival: Arrival, why: Why) -> None:
        row = {
            "application": APPLICATION,
            **arrival.model_dump(include={"id", "conversation_id", "owner", "subject"}),
            "status": "open",
            "urgency": URGENCY[why.priority],
            "with_person": arrival.takes,
            "version": 0,
            "opened_at": arrival.at,
            "changed_at": arrival.at,
            "waiting_since": arrival.at,
            "given": _given(why, None),
        }
        connection.execute(insert(tickets), row)
        # What an earlier ticket of the conversation holds is not said twice.
        held = messages.latest(connection, arrival.conversation_id)
        said = [*(one for one in arrival.before if one.at > held), *arrival.said]
        messages.append(self.database, connection, arrival.id, arrival.conversation_id, said)
        self._note(connection, arrival.id, "opened")

    def _go_on(self, connection: Connection, found: Ticket, arrival: Arrival) -> None:
        """Append to a ticket; who gets angry meanwhile comes sooner."""
        why = found.why
        priority = min(why.priority, arrival.priority, key=lambda name: URGENCY[name])
        mood = arrival.mood or why.mood
        values = {
            "urgency": URGENCY[priority],
            "with_person": found.with_person or arrival.takes,
            "changed_at": arrival.at,
            # Whom the assistant answered is not waiting for that.
            "waiting_since": found.waiting_since or (arrival.at if arrival.why else None),
            "given": _given(
                why.model_copy(update={"priority": priority, "mood": mood}), found.contact
            ),
        }
        connection.execute(update(tickets).where(tickets.c.id == found.id).values(values))
        messages.append(self.database, connection, found.id, found.conversation_id, arrival.said)
        for said in arrival.said:
            if said.by == "customer":
                self._note(connection, found.id, "message", said.id)

    def open_of(self, conversation_id: str, owner: str) -> Ticket | None:
        """The ticket that is open in a conversation; none of another owner's."""
        theirs = and_(tickets.c.conversation_id == conversation_id, tickets.c.owner == owner)
        with self.database.reading() as connection:
            return self._find(connection, theirs, _is("open"))

    def latest_of(self, conversation_id: str, owner: str) -> Ticket | None:
        """The ticket that is or was the last in a conversation; none of another owner's."""
        theirs = and_(tickets.c.conversation_id == conversation_id, tickets.c.owner == owner)
        with self.database.reading() as connection:
            return self._find(connection, theirs)

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
            query = update(tickets).where(_own(), theirs, _is("open"))
            connection.execute(query.values(with_person=False))

    def leave_contact(self, conversation_id: str, owner: str, contact: str | None) -> bool:
        """Keep in the open ticket where the customer asks to be reached; whether there is one.

        It goes with the ticket: closed and too old, or purged.

        Args:
            contact: None: it is forgotten, in tickets that are closed as well.
        """
        which = [tickets.c.conversation_id == conversation_id, tickets.c.owner == owner]
        if contact is not None:
            which.append(_is("open"))
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            query = select(tickets.c.id, tickets.c.given).where(_own(), *which)
            found = connection.execute(query).all()
            for row in found:
                values = {"given": {**row.given, "contact": contact}}
                connection.execute(update(tickets).where(tickets.c.id == row.id).values(values))
        return bool(found)

    def forget_before(self, at: float) -> int:
        """Delete tickets that were closed before, and what is of them."""
        return self._delete(_is("closed"), tickets.c.changed_at < at)

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
            chosen = connection.execute(select(tickets.c.id).where(_own(), *which)).scalars().all()
            for start in range(0, len(chosen), ROWS_TOGETHER):
                some = chosen[start : start + ROWS_TOGETHER]
                for table in (ticket_messages, ticket_events):
                    connection.execute(delete(table).where(table.c.ticket_id.in_(some)))
                connection.execute(delete(tickets).where(tickets.c.id.in_(some)))
        return len(chosen)

    def _seen(self, connection: Connection, ticket_id: str, version: int | None) -> Ticket:
        found = self._find(connection, tickets.c.id == ticket_id)
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
        changed = self._find(connection, where)
        assert changed
        return changed

    def _note(
        self, connection: Connection, ticket_id: str, kind: Event, message_id: str | None = None
    ) -> None:
        if self.tells:
            note(connection, ticket_id, kind, message_id)

    def _find(self, connection: Connection, *which: ColumnElement[bool]) -> Ticket | None:
        query = select(tickets).where(_own(), *which)
        latest = query.order_by(tickets.c.opened_at.desc(), tickets.c.id).limit(1)
        row = connection.execute(latest).mappings().first()
        if row is None:
            return None
        identity = row["conversation_id"]
        return ticket_of(row, messages.lasts(connection, [identity]).get(identity, 0))

    def _one_at_a_time(self, connection: Connection) -> None:
        # One open ticket a conversation, its messages in their order; SQLite has one writer anyway.
        if not self.database.is_sqlite:
            connection.execute(sql("LOCK TABLE tickets IN SHARE ROW EXCLUSIVE MODE"))


def _own() -> ColumnElement[bool]:
    return tickets.c.application == APPLICATION


def _is(status: Status) -> ColumnElement[bool]:
    return tickets.c.status == status


def _given(why: Why, contact: str | None) -> dict[str, Any]:
    return {**why.model_dump(mode="json"), "contact": contact}


def ticket_of(row: Mapping[Any, Any], last: int) -> Ticket:
    """A row of the table; `last`: number of its conversation's last message."""
    values = {name: row[name] for name in Ticket.model_fields if name in row}
    given = row["given"]
    contact = given.get("contact")
    return Ticket(**values, why=Why.model_validate(given), last=last, contact=contact)
