"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

from dataclasses import replace

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
    if alone.is_answered and not goes_on:
        return None
    joined = _joined(reader, message)
    if goes_on or patterns.is_brief(message.question):
        is_clear = alone.is_answered and alone.answer.confidence >= joined.answer.confidence
        return None if is_clear or joined.first is None else _asked_back(joined)
    agreeing = [one.faq_id for one in alone.candidates[:AGREEING]]
    return joined if joined.is_answered and joined.first in agreeing else None


def _asked_back(joined: Reading) -> Reading:
    """What is likely enough is asked back: a person knows no better what it goes on from."""
    answer = joined.answer
    if answer.decision != "handoff" or answer.confidence < WORTH_ASKING:
        return joined
    asked = answer.model_copy(update={"decision": "clarify", "handoff": None})
    return replace(joined, answer=asked)


def correction(reader: Reader, message: Message, alone: Reading) -> Reading:
    """What was meant instead: what was answered before is left out."""
    but = message.before.answered[:1] if message.before else []
    meant = reader.read(alone.text, but=but)
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
