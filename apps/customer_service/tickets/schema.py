"""What a ticket is, and what is said in it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.schema import Mood, Priority
from common.learning.schema import new_id

Status = Literal["open", "closed"]
Speaker = Literal["customer", "assistant", "person"]
Event = Literal["opened", "message", "closed"]
# What waits longer or is less urgent comes later.
URGENCY: dict[Priority, int] = {"urgent": 0, "high": 1, "normal": 2}
# A ticket takes so many messages; what a customer says after that is refused.
MOST_MESSAGES = 500
MOST_OPEN = 10_000


class Nearest(BaseModel):
    """An FAQ that is near to what was asked.

    Attributes:
        score: that of the search, 0 to 1; None: it was answered with before.
    """

    model_config = ConfigDict(frozen=True)

    faq_id: str
    question: str
    answer: str
    score: float | None = None


class Said(BaseModel):
    """One message; of a customer's, the text is masked.

    Attributes:
        id: the same for the same message, however often it is written.
        at: seconds since 1970, UTC.
        author: a person's name, as they gave it.
        faq_id: the FAQ whose answer a reply is.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str = Field(default_factory=new_id)
    at: float
    by: Speaker
    author: str | None = None
    text: str
    faq_id: str | None = None


class Message(Said):
    """A message where it stands in its conversation."""

    number: int


class Why(BaseModel):
    """Why a person should take over, and what the assistant found.

    Attributes:
        reason: as in the answer's `handoff`.
        queue: where a rule sends it.
        question: what was asked, understood by what was said before.
        confidence: that the nearest FAQ answers it.
        nearest: FAQs, the nearest first.
    """

    reason: str
    priority: Priority = "normal"
    queue: str | None = None
    mood: Mood | None = None
    language: str
    question: str
    confidence: float = 0.0
    nearest: list[Nearest] = []

    @property
    def suggestion(self) -> Nearest | None:
        """What might be replied: the answer of the nearest FAQ."""
        return self.nearest[0] if self.nearest else None


class Arrival(BaseModel):
    """What a customer said that a person is to see; it opens a ticket where none is open.

    Attributes:
        id: of the ticket that it opens.
        owner: whose key the conversation began with, hashed.
        subject: whose data it is, hashed; what `purge --subject` goes by.
        why: what a ticket says that is opened; None: none is, it only goes on in one.
        takes: whether a person has the conversation from now on.
        before: what was said before, oldest first; of interest when a ticket is opened.
        said: what the customer says, and what the assistant answered.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(default_factory=new_id)
    conversation_id: str
    owner: str
    subject: str
    why: Why | None = None
    priority: Priority = "normal"
    mood: Mood | None = None
    takes: bool = False
    before: list[Said] = []
    said: list[Said]

    @property
    def at(self) -> float:
        """When it was said."""
        return self.said[0].at


class Ticket(BaseModel):
    """A conversation that is handed over.

    Attributes:
        with_person: what the customer writes goes to a person and is not answered by the assistant.
        version: how often people changed it.
        waiting_since: when the customer began to wait; None: it is their turn.
        answered_at: when the first person replied.
        remote_id: what the help desk calls it.
        last: number of its last message.
        contact: where the customer asked to be reached, unmasked: for people alone.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    conversation_id: str
    owner: str
    subject: str
    status: Status
    with_person: bool
    version: int
    opened_at: float
    changed_at: float
    waiting_since: float | None
    answered_at: float | None
    assigned_to: str | None
    remote_id: str | None
    why: Why
    last: int = 0
    contact: str | None = None
