"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns

# How much a message counts beside what it is joined with; from .3 to .6 it hardly matters.
ALONE = 0.45
# A message whose words do not ask for context gets one only from an FAQ that is among so many of
# the first without it.
AGREEING = 5
# The confidence from which a follow-up is asked back rather than handed over.
WORTH_ASKING = 0.2


def follow_up(
    reader: Reader, message: Message, alone: Reading, patterns: Patterns
) -> Reading | None:
    """The message as a part of what was said before; None: it stands by itself.

    Args:
        alone: the message by itself. One that is clear is not bent by what was said before.
    """
    if message.before is None or not message.joined:
        return None
    goes_on = patterns.goes_on(message.question)
    is_brief = patterns.is_brief(message.question)
    if alone.is_answered and not goes_on:
        return None
    joined = _joined(reader, message)
    if goes_on or is_brief:
        is_surer = alone.answer.confidence >= joined.answer.confidence
        stands_alone = alone.is_answered and is_surer and not is_brief
        if stands_alone or joined.first is None:
            return None
        is_near = joined.answer.decision == "handoff" and joined.answer.confidence >= WORTH_ASKING
        # A person knows no better what it goes on from.
        return reader.asked_back(joined) if is_near else joined
    agreeing = [one.faq_id for one in alone.candidates[:AGREEING]]
    return joined if joined.is_answered and joined.first in agreeing else None


def correction(reader: Reader, message: Message, alone: Reading) -> Reading:
    """What was meant instead: what was answered before is left out."""
    but = message.before.answered[:1] if message.before else []
    meant = reader.read(alone.text, but=but)
    if message.before and message.question == message.before.topic:
        # Only that it was wrong is known: what came next is shown, and not taken for right.
        return reader.asked_back(meant) if meant.is_answered else meant
    if meant.is_answered or not message.joined:
        return meant
    return _joined(reader, message, but=but)


def _joined(reader: Reader, message: Message, but: list[str] | None = None) -> Reading:
    """The message and what it goes on from, in one ranking without what was answered just now."""
    assert message.before is not None
    share = (1 - ALONE) / len(message.joined)
    weights = {message.question: ALONE, **dict.fromkeys(message.joined, share)}
    left_out = message.before.answered if but is None else but
    return reader.blend(message.joined[0], weights, but=left_out)
