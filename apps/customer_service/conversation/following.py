"""Follow-ups and corrections: what a message means after what was said before."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.schema import OUT_OF_SCOPE

# How much a message counts beside what it is joined with. Of 372 written follow-ups the joined text
# finds 93 % first, the message alone half; of questions about something else 87 and 98 %.
ALONE = 0.4
# A message stands by itself where it is so many times as likely right alone, by the odds; and where
# its words say that it goes on.
STANDS_ALONE = 4.0
GOES_ON_ALONE = 10.0
# What is so probably out of scope goes on from nothing, unless its words say nothing else.
OUTSIDE = 0.7
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
        alone: the message by itself.
    """
    if message.before is None or not message.joined:
        return None
    joined = going_on(reader, message)
    if joined.first is None or _stands_alone(reader, message, alone, joined, patterns):
        return None
    return reader.asked_back(joined) if _is_worth_asking(joined, alone) else joined


def going_on(reader: Reader, message: Message) -> Reading:
    """The message read with what it goes on from, if it does.

    The joined text finds what was answered in any case: another FAQ that is nearly level comes
    first, for the message speaks for it.
    """
    whole = _joined(reader, message, ALONE, ())
    answered = message.before.answered if message.before else []
    other = _joined(reader, message, ALONE, answered)
    if not answered or whole.first not in answered or not other.candidates:
        return whole
    ahead = whole.candidates[0].score - other.candidates[0].score
    return whole if ahead >= REPEATED else other


def _stands_alone(
    reader: Reader, message: Message, alone: Reading, joined: Reading, patterns: Patterns
) -> bool:
    if reader.is_known(message.question):
        return True
    goes_on = patterns.goes_on(message.question)
    if goes_on and patterns.is_brief(message.question):
        return False
    if alone.is_answered and alone.first == joined.first and not goes_on:
        return True
    if not goes_on and not patterns.is_brief(message.question) and joined.first not in _near(alone):
        return True
    least = GOES_ON_ALONE if goes_on else STANDS_ALONE
    is_surer = _odds(alone.answer.confidence) >= least * _odds(joined.answer.confidence)
    return is_surer or _is_outside(reader, message)


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-3)


def _is_outside(reader: Reader, message: Message) -> bool:
    return reader.understood[message.question].intents.get(OUT_OF_SCOPE, 0.0) >= OUTSIDE


def is_agreed(reader: Reader, message: Message, alone: Reading) -> bool:
    """Whether it finds among the first by itself what it finds as a part of what was said."""
    if message.before is None or not message.joined or _is_outside(reader, message):
        return False
    return going_on(reader, message).first in _near(alone)


def _near(alone: Reading) -> list[str]:
    return [one.faq_id for one in alone.candidates[:AGREEING]]


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
