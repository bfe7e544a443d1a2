"""What customers said, into tickets: one is opened, or the open one goes on."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select, update

from apps.customer_service.tickets.helpdesk.store import note
from apps.customer_service.tickets.messages import store as messages
from apps.customer_service.tickets.rows.store import APPLICATION, find, given_of, has, own
from apps.customer_service.tickets.schema import (
    MOST_MESSAGES,
    MOST_OPEN,
    URGENCY,
    Arrival,
    Ticket,
    Why,
)
from common.storage.database import Database
from common.storage.tables import tickets


def take(database: Database, connection: Connection, arrival: Arrival, *, tells: bool) -> bool:
    """Keep what was said; what is there already is the same again.

    Args:
        tells: whether a help desk is told.

    Returns:
        False where no ticket can take it: there are too many, or it is too long.
    """
    if messages.is_known(connection, arrival.said[0].id):
        return True
    found = find(connection, tickets.c.conversation_id == arrival.conversation_id, has("open"))
    if found is None and arrival.why:
        count = select(func.count()).select_from(tickets).where(own(), has("open"))
        if connection.execute(count).scalar_one() >= MOST_OPEN:
            return False
        _open(database, connection, arrival, arrival.why)
        if tells:
            note(connection, arrival.id, "opened", None)
        return True
    if found is None or messages.count(connection, found.id) >= MOST_MESSAGES:
        return False
    _go_on(database, connection, found, arrival)
    for said in arrival.said:
        if tells and said.by == "customer":
            note(connection, found.id, "message", said.id)
    return True


def _open(database: Database, connection: Connection, arrival: Arrival, why: Why) -> None:
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
        "given": given_of(why, None),
    }
    connection.execute(insert(tickets), row)
    # What an earlier ticket of the conversation holds is not said twice.
    held = messages.latest(connection, arrival.conversation_id)
    said = [*(one for one in arrival.before if one.at > held), *arrival.said]
    messages.append(database, connection, arrival.id, arrival.conversation_id, said)


def _go_on(database: Database, connection: Connection, found: Ticket, arrival: Arrival) -> None:
    """Append to a ticket; who gets angry meanwhile comes sooner."""
    priority = min(found.why.priority, arrival.priority, key=lambda name: URGENCY[name])
    mood = arrival.mood or found.why.mood
    why = found.why.model_copy(update={"priority": priority, "mood": mood})
    values = {
        "urgency": URGENCY[priority],
        "with_person": found.with_person or arrival.takes,
        "changed_at": arrival.at,
        # Whom the assistant answered is not waiting for that.
        "waiting_since": found.waiting_since or (arrival.at if arrival.why else None),
        "given": given_of(why, found.contact),
    }
    connection.execute(update(tickets).where(tickets.c.id == found.id).values(values))
    messages.append(database, connection, found.id, found.conversation_id, arrival.said)
