"""What a reply teaches: a draft of an FAQ, or a wording of one; a person decides on either."""

from __future__ import annotations

import time

from apps.customer_service.schema import IMPORTED, Faq
from apps.customer_service.tickets.schema import Message, Ticket
from common.learning.schema import Feedback
from common.records.spoken.language import language_of_both
from common.records.text import fold

# What the page Knowledge shows beside the draft.
TAG = "ticket"


def answered_by(ticket: Ticket, reply: Message) -> str | None:
    """The FAQ whose answer a reply is, as it was sent or by its words."""
    if reply.faq_id is not None:
        return reply.faq_id
    same = (one.faq_id for one in ticket.why.nearest if fold(one.answer) == fold(reply.text))
    return next(same, None)


def draft_of(ticket: Ticket, reply: Message) -> Faq:
    """An FAQ to propose; its question is a customer's, and can be purged as such."""
    question = ticket.why.question
    return Faq(
        question=question,
        answer=reply.text,
        language=language_of_both(question, reply.text),
        tags=[TAG, IMPORTED],
    )


def wording_of(ticket: Ticket, faq_id: str, *, source: str, subject: str | None) -> Feedback:
    """A correction that waits to be accepted, whoever made it."""
    return Feedback(
        at=time.time(),
        source=source,
        subject=subject,
        trusted=False,
        kind="correction",
        text=ticket.why.question,
        wanted={"faq_id": faq_id},
    )
