"""Tickets as rows of their table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from apps.customer_service.tickets.messages import store as messages
from apps.customer_service.tickets.schema import Status, Ticket, Why
from common.storage.tables import tickets

APPLICATION = "customer_service"


def own() -> ColumnElement[bool]:
    """Those of this application."""
    return tickets.c.application == APPLICATION


def has(status: Status) -> ColumnElement[bool]:
    """Those of a status."""
    return tickets.c.status == status


def find(connection: Connection, *which: ColumnElement[bool]) -> Ticket | None:
    """The latest of some."""
    query = select(tickets).where(own(), *which)
    latest = query.order_by(tickets.c.opened_at.desc(), tickets.c.id).limit(1)
    row = connection.execute(latest).mappings().first()
    if row is None:
        return None
    identity = row["conversation_id"]
    return ticket_of(row, messages.lasts(connection, [identity]).get(identity, 0))


def ticket_of(row: Mapping[Any, Any], last: int) -> Ticket:
    """A row of the table; `last`: number of its conversation's last message."""
    values = {name: row[name] for name in Ticket.model_fields if name in row}
    given = row["given"]
    contact = given.get("contact")
    return Ticket(**values, why=Why.model_validate(given), last=last, contact=contact)


def given_of(why: Why, contact: str | None) -> dict[str, Any]:
    """What `ticket_of` reads again."""
    return {**why.model_dump(mode="json"), "contact": contact}
