"""Messages of tickets in a database, numbered through each conversation."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from apps.customer_service.tickets.schema import Message, Said
from common.storage.database import Database
from common.storage.tables import ticket_messages

APPLICATION = "customer_service"


def is_known(connection: Connection, message_id: str) -> bool:
    """Whether a message is written already."""
    query = select(ticket_messages.c.id).where(ticket_messages.c.id == message_id)
    return connection.execute(query).first() is not None


def one(connection: Connection, message_id: str) -> Message | None:
    """A message by its id."""
    query = select(ticket_messages).where(ticket_messages.c.id == message_id)
    row = connection.execute(query).first()
    return Message.model_validate(row) if row else None


def append(
    database: Database,
    connection: Connection,
    ticket_id: str,
    conversation_id: str,
    said: Sequence[Said],
) -> None:
    """Add messages to a ticket, after all of its conversation."""
    last = lasts(connection, [conversation_id]).get(conversation_id, 0)
    common = {
        "application": APPLICATION,
        "ticket_id": ticket_id,
        "conversation_id": conversation_id,
    }
    rows = [
        {**common, **message.model_dump(), "number": last + place}
        for place, message in enumerate(said, start=1)
    ]
    database.insert_new(connection, ticket_messages, rows)


def read(connection: Connection, conversation_id: str, after: int, limit: int) -> list[Message]:
    """The messages of a conversation after a number, in order."""
    wanted = (
        ticket_messages.c.application == APPLICATION,
        ticket_messages.c.conversation_id == conversation_id,
        ticket_messages.c.number > after,
    )
    query = select(ticket_messages).where(*wanted).order_by(ticket_messages.c.number).limit(limit)
    return [Message.model_validate(row) for row in connection.execute(query)]


def lasts(connection: Connection, conversations: Sequence[str]) -> dict[str, int]:
    """The number of the last message of each conversation that has one."""
    last = func.max(ticket_messages.c.number).label("last")
    query = select(ticket_messages.c.conversation_id, last).where(
        ticket_messages.c.application == APPLICATION,
        ticket_messages.c.conversation_id.in_(conversations),
    )
    rows = connection.execute(query.group_by(ticket_messages.c.conversation_id))
    return {row.conversation_id: row.last for row in rows}


def latest(connection: Connection, conversation_id: str) -> float:
    """When the last message of a conversation was said; 0: there is none."""
    query = select(func.coalesce(func.max(ticket_messages.c.at), 0.0)).where(
        ticket_messages.c.application == APPLICATION,
        ticket_messages.c.conversation_id == conversation_id,
    )
    return float(connection.execute(query).scalar_one())


def count(connection: Connection, ticket_id: str) -> int:
    """How many messages a ticket has."""
    query = select(func.count()).select_from(ticket_messages)
    of = query.where(ticket_messages.c.ticket_id == ticket_id)
    return int(connection.execute(of).scalar_one())


def last_reply(connection: Connection, ticket_id: str) -> Message | None:
    """What a person wrote last in a ticket."""
    wanted = (ticket_messages.c.ticket_id == ticket_id, ticket_messages.c.by == "person")
    query = select(ticket_messages).where(*wanted).order_by(ticket_messages.c.number.desc())
    row = connection.execute(query.limit(1)).first()
    return Message.model_validate(row) if row else None
