"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.schema import OUT_OF_SCOPE

# How much a message counts beside what it is joined with; from .3 to .45 it hardly matters.
ALONE = 0.4
# A message whose words do not ask for context gets one only from an FAQ that is among so many of
# the first without it.
AGREEING = 5
# An FAQ that was answered just now must be so far ahead of the others to be given again.
REPEATED = 0.03
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
    goes_on = patterns.goes_on(message.question)
    is_brief = patterns.is_brief(message.question)
    is_clear = alone.is_answered and not goes_on and not is_brief
    if message.before is None or not message.joined or is_clear:
        return None
    joined = _going_on(reader, message, message.before.answered)
    if goes_on or is_brief:
        is_surer = alone.answer.confidence >= joined.answer.confidence
        stands_alone = alone.is_answered and is_surer and not (goes_on and is_brief)
        is_part = joined.first is not None and not stands_alone
    else:
        is_part = is_agreed(reader, message, alone)
    if not is_part:
        return None
    return reader.asked_back(joined) if _is_worth_asking(joined, alone) else joined


def is_agreed(reader: Reader, message: Message, alone: Reading) -> bool:
    """Whether it finds among the first by itself what it finds as a part of what was said."""
    if message.before is None or not message.joined or _is_outside(alone):
        return False
    return _going_on(reader, message, message.before.answered).first in _agreeing(alone)


def _going_on(reader: Reader, message: Message, answered: Sequence[str]) -> Reading:
    """What the message goes on to: mostly more of what was answered, which may hold it, too.

    The joined text finds that in any case: another FAQ comes first where the message speaks for it.
    """
    other = _joined(reader, message, ALONE, answered)
    whole = _joined(reader, message, ALONE, ())
    if not answered or whole.first not in answered or not other.candidates:
        return whole
    ahead = whole.candidates[0].score - other.candidates[0].score
    return whole if ahead >= REPEATED else other


def _agreeing(alone: Reading) -> list[str]:
    return [one.faq_id for one in alone.candidates[:AGREEING]]


def _is_outside(alone: Reading) -> bool:
    return alone.answer.intent is not None and alone.answer.intent.name == OUT_OF_SCOPE


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
