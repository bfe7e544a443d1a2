"""What speaks against a change of a ticket: another person's, or that there is none."""

from __future__ import annotations

from datetime import UTC, datetime

from apps.customer_service.tickets.schema import Message, Ticket
from common.errors import RefusedError


class UnknownTicketError(Exception):
    """There is no such ticket."""


class ConflictError(RefusedError):
    """A ticket was changed since the person saw it.

    Attributes:
        reply: the last reply of a person, if there is one.
    """

    def __init__(self, ticket: Ticket, reply: Message | None) -> None:
        if ticket.status == "closed":
            done = "it is closed"
        elif reply:
            at = datetime.fromtimestamp(reply.at, UTC).strftime("%H:%M:%S UTC")
            done = f"{reply.author} wrote at {at}: {reply.text}"
        else:
            done = f"{ticket.assigned_to} has it" if ticket.assigned_to else "it was handed back"
        super().__init__(
            f"somebody was at this ticket meanwhile; {done}",
            hint=f"Look at it and do it again: its version is {ticket.version} now.",
        )
        self.ticket = ticket
        self.reply = reply
