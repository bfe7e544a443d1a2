"""Two questions in one message: each with its own answer."""

from __future__ import annotations

from collections.abc import Collection

from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.schema import Part

# A part is answered by itself where its FAQ is at least as likely as that.
LEAST_CONFIDENCE = 0.3
# What only tells something may tell it for the question beside it: it must be clearer.
TOLD_CONFIDENCE = 0.6
# A part that goes on from the one before it counts so much beside the whole message.
ALONE = 0.5


def part(reader: Reader, message: Message, patterns: Patterns) -> list[Part]:
    """Its questions with their answers; none unless two of them find different FAQs."""
    found: dict[str, Part] = {}
    for number, text in enumerate(message.parts):
        reading = reader.read(text)
        if number and not reading.is_answered:
            reading = _with_whole(reader, message, reading, found, patterns)
        asks = patterns.asks.search(text) is not None
        if reading.first is not None and _is_found(reading, asks):
            found.setdefault(reading.first, _part_of(text, reading))
    return list(found.values()) if len(found) > 1 else []


def _with_whole(
    reader: Reader,
    message: Message,
    alone: Reading,
    found: Collection[str],
    patterns: Patterns,
) -> Reading:
    """A later part beside the whole message: it may lack what was said in an earlier one."""
    blended = reader.blend(alone.text, {alone.text: ALONE, message.question: 1 - ALONE})
    is_new = blended.first not in found
    return blended if is_new or patterns.goes_on(alone.text) else alone


def _is_found(reading: Reading, asks: bool) -> bool:
    least = LEAST_CONFIDENCE if asks else TOLD_CONFIDENCE
    return reading.answer.decision != "handoff" and reading.answer.confidence >= least


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
