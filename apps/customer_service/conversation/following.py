"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns

# How much a message counts beside what it is joined with; from .3 to .6 it hardly matters.
ALONE = 0.45
# A message whose words do not ask for context gets one only from an FAQ that is among so many of
# the first without it.
AGREEING = 5
# The confidence from which a follow-up is asked back rather than handed over; and where the
# message alone finds the same FAQ first.
WORTH_ASKING = 0.08
AGREED = 0.05
# How much what was meant counts beside what it corrects.
MEANT = 0.65


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
    # What was answered just now is found by the joined text in any case; whoever asks for it again
    # finds it without.
    before = message.before.answered
    joined = _joined(reader, message, ALONE, [] if alone.first in before else before)
    if goes_on or is_brief:
        is_surer = alone.answer.confidence >= joined.answer.confidence
        stands_alone = alone.is_answered and is_surer and not is_brief
        if stands_alone or joined.first is None:
            return None
        return reader.asked_back(joined) if _is_worth_asking(joined, alone) else joined
    agreeing = [one.faq_id for one in alone.candidates[:AGREEING]]
    return joined if joined.is_answered and joined.first in agreeing else None


def _is_worth_asking(joined: Reading, alone: Reading) -> bool:
    """Whether to ask back: a person knows no better what it goes on from."""
    least = AGREED if joined.first == alone.first else WORTH_ASKING
    return joined.answer.decision == "handoff" and joined.answer.confidence >= least


def correction(reader: Reader, message: Message, alone: Reading) -> Reading:
    """What was meant instead: what was answered before is left out."""
    but = message.before.answered[:1] if message.before else []
    meant = reader.read(alone.text, but=but)
    if message.before and message.question == message.before.topic:
        # Only that it was wrong is known: what came next is shown, and not taken for right.
        return reader.asked_back(meant) if meant.is_answered else meant
    if meant.is_answered or not message.joined:
        return meant
    return _joined(reader, message, MEANT, but)


def _joined(reader: Reader, message: Message, alone: float, but: Sequence[str]) -> Reading:
    """The message, which has the weight `alone`, and what it goes on from, in one ranking."""
    share = (1 - alone) / len(message.joined)
    weights = {message.question: alone, **dict.fromkeys(message.joined, share)}
    return reader.blend(message.joined[0], weights, but=but)
