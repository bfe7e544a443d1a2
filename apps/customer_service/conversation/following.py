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
# What the topic has of the rest where an FAQ was found since, which is what people go on from; and
# where the topic was only asked back.
TOPIC = 0.2
TOPIC_OF_OFFERS = 0.5
# A message stands by itself where it is so many times as likely right alone, by the odds; and where
# its words say that it goes on.
STANDS_ALONE = 4.0
GOES_ON_ALONE = 10.0
# What is so probably out of scope goes on from nothing, unless its words say nothing else.
OUTSIDE = 0.7
# What sounds like small talk is a part of what was said if its FAQ is among so many of the first
# without that.
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
        alone: the message by itself.
    """
    if message.before is None or not message.joined:
        return None
    joined = going_on(reader, message)
    if joined.first is None or _stands_alone(reader, message, alone, joined, patterns):
        return None
    return reader.asked_back(joined) if _is_worth_asking(joined, alone) else joined


def going_on(reader: Reader, message: Message) -> Reading:
    """The message read with what it goes on from, if it does."""
    return _joined(reader, message, ALONE, ())


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
    agreeing = [one.faq_id for one in alone.candidates[:AGREEING]]
    return going_on(reader, message).first in agreeing


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
    before = message.before
    is_older = before is not None and (before.answered or before.kind == "follow_up")
    of_topic = TOPIC if is_older else TOPIC_OF_OFFERS
    shares = [of_topic, 1 - of_topic] if len(message.joined) > 1 else [1.0]
    rest = {text: (1 - alone) * share for text, share in zip(message.joined, shares, strict=True)}
    return reader.blend(message.joined[0], {message.question: alone, **rest}, but=but)
