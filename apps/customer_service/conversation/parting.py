"""Two questions in one message: each with its own answer."""

from __future__ import annotations

from collections.abc import Collection

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.schema import Part

# A part that asks stands for itself where its FAQ is at least as likely as that. What only tells
# something may tell it for the question beside it: it must be answered.
LEAST_CONFIDENCE = 0.3
# A part that goes on from the one before it counts so much beside the whole message.
ALONE = 0.5
# What may be a part finds an FAQ that is among so many of the first of the whole message.
AGREEING = 5


def part(reader: Reader, message: Message, patterns: Patterns) -> list[Part]:
    """Its questions with their answers; none unless two of them find different FAQs.

    Clauses are questions only where the whole message finds the same FAQs among its first. What
    goes on from the turn before is parted only where each part is sure, or goes on itself.
    """
    found: dict[str, Part] = {}
    for number, text in enumerate(message.parts):
        reading = _read_beside(reader, message, number, text, found, patterns)
        if reading.first is not None and _is_found(reading, patterns):
            found.setdefault(reading.first, _part_of(text, reading))
    if len(found) < 2:
        found = _among_first(reader, message, patterns)
    parts = list(found.values())
    if message.joined and patterns.goes_on(message.question):
        joined = message.joined_parts
        parts = [one for one in parts if one.decision == "answer" or one.question in joined]
    return parts if len(parts) > 1 else []


def _among_first(reader: Reader, message: Message, patterns: Patterns) -> dict[str, Part]:
    if not message.clauses:
        return {}
    first = {one.faq_id for one in reader.read(message.question).candidates[:AGREEING]}
    found: dict[str, Part] = {}
    for number, text in enumerate(message.clauses):
        reading = _read_beside(reader, message, number, text, found, patterns)
        if reading.first in first and _is_found(reading, patterns):
            found.setdefault(str(reading.first), _part_of(text, reading))
    return found


def _read_beside(
    reader: Reader,
    message: Message,
    number: int,
    text: str,
    found: Collection[str],
    patterns: Patterns,
) -> Reading:
    """A part after what was said before, if it goes on from that; else by itself.

    A later part is read beside the whole message: it may lack what was said in an earlier one.
    """
    if joined := message.joined_parts.get(text):
        return reader.blend(text, {text: ALONE, joined: 1 - ALONE})
    alone = reader.read(text)
    if number == 0 or alone.is_answered:
        return alone
    blended = reader.blend(text, {text: ALONE, message.question: 1 - ALONE})
    is_new = blended.first not in found
    return blended if is_new or patterns.goes_on(text) else alone


def _is_found(reading: Reading, patterns: Patterns) -> bool:
    if patterns.asks.search(reading.text) is None:
        return reading.is_answered
    is_handed_over = reading.answer.decision == "handoff"
    return not is_handed_over and reading.answer.confidence >= LEAST_CONFIDENCE


def _part_of(text: str, reading: Reading) -> Part:
    answer = reading.answer
    return Part(
        question=text,
        decision=answer.decision,
        answer=answer.answer,
        confidence=answer.confidence,
        citations=answer.citations,
        suggestions=answer.suggestions,
    )
