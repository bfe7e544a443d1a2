"""What goes in and out of the tickets' routes."""

from __future__ import annotations

import re
from typing import Annotated
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from apps.customer_service.knowledge.serving.bodies import Author, Id, Line
from apps.customer_service.schema import LONGEST_ANSWER
from apps.customer_service.tickets.schema import Message, Status, Ticket, Why
from common.records.fields import Text

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
EXTENSION = r"\s*(?:转|轉|分机|分機|extension|ext\.?|x|#)[\s:]*[0-9]{1,6}"
TELEPHONE = re.compile(rf"\+?(?:[\s().–—-]*[0-9]){{6,20}}(?:{EXTENSION})?", re.IGNORECASE)

Seen = Annotated[
    int | None,
    Field(ge=0, le=2**31 - 1, description="The `version` that was seen last; none: any."),
]


def _reachable(given: str) -> str:
    # Full-width digits and signs, as Chinese input methods write them.
    found = normalize("NFKC", given).strip()
    if not EMAIL.fullmatch(found) and not TELEPHONE.fullmatch(found):
        raise ValueError("neither an e-mail address nor a telephone number")
    return found


Contact = Annotated[str, Field(max_length=200), AfterValidator(_reachable)]
Name = Annotated[Line, Field(max_length=100)]


class TicketRow(BaseModel):
    """A ticket, as the list has it.

    Attributes:
        waiting_since: when the customer began to wait, seconds since 1970; None: it is their turn.
        contact: where the customer asked to be reached.
        version: to be sent along with the next change.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    conversation_id: str
    status: Status
    with_person: bool
    version: int
    opened_at: float
    changed_at: float
    waiting_since: float | None
    assigned_to: str | None
    why: Why
    last: int
    contact: str | None = None


class TicketRows(BaseModel):
    """Some tickets, and what there is in all."""

    rows: list[TicketRow]
    total: int = Field(description="How many are like these, those of other pages as well.")
    counts: dict[str, int] = Field(description="How many there are of each status.")
    waiting: int = Field(description="How many customers wait for a reply.")
    newest: TicketRow | None = Field(description="The open ticket that was opened last.")
    queues: list[str] = Field(description="Where rules sent open tickets.")
    people: list[str] = Field(description="Who has had a ticket.")


class WholeTicket(TicketRow):
    """A ticket with what was said in it.

    Attributes:
        taught: the id of the draft that it became, or of the FAQ that it is a proposed wording of.
    """

    messages: list[Message]
    taught: str | None = None

    @classmethod
    def of(cls, ticket: Ticket, messages: list[Message], taught: str | None = None) -> WholeTicket:
        """With its messages."""
        row = TicketRow.model_validate(ticket)
        return cls(**row.model_dump(), messages=messages, taught=taught)


class TicketReply(BaseModel):
    """Body of `POST /v1/tickets/{id}/replies`."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(max_length=LONGEST_ANSWER)]
    version: Seen = None
    author: Author = None
    faq_id: Id | None = Field(None, description="The FAQ whose answer it is.")
    reply_id: Id | None = Field(
        None, max_length=64, description="A reply that was sent before is not written again."
    )
    echo: bool = Field(
        True, description="Whether the help desk is told; it says no of its own replies."
    )


class TicketChange(BaseModel):
    """Body of `POST /v1/tickets/{id}/unassign`."""

    model_config = ConfigDict(extra="forbid")

    version: Seen = None
    author: Author = None


class TicketAssignment(TicketChange):
    """Body of `POST /v1/tickets/{id}/assign`."""

    to: Name | None = Field(None, description="A colleague; none: whoever asks.")


class TicketClosing(TicketChange):
    """Body of `POST /v1/tickets/{id}/close`."""

    teach: bool = Field(
        False,
        description="Propose the last reply: as a draft, or if it is an FAQ's, as its wording.",
    )


class CustomersTicket(BaseModel):
    """What a customer may know of the last ticket of their conversation."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    status: Status
    with_person: bool
    assigned_to: str | None
    last: int


class CustomersConversation(BaseModel):
    """Reply of `GET /v1/conversations/{id}`: messages after the number that was asked for."""

    conversation_id: str
    ticket: CustomersTicket
    messages: list[Message]


class LeftContact(BaseModel):
    """Body of `POST /v1/conversations/{id}/contact`."""

    model_config = ConfigDict(extra="forbid")

    contact: Contact | None = Field(
        description="An e-mail address or a telephone number; null: what was left is forgotten, "
        "in closed tickets as well."
    )
    consent: bool = Field(
        False, description="The customer was told what it is for and how long it is kept."
    )
