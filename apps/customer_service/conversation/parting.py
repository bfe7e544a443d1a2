"""Two questions in one message: each with its own answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from apps.customer_service.answers.languages.faqs import other_than_asked
from apps.customer_service.conversation.context import Reader, Reading
from apps.customer_service.conversation.message import Message
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.schema import Answer, Part

# A part that asks stands for itself where its FAQ is at least as likely as that. What only tells
# something may tell it for the question beside it: it must be answered.
LEAST_CONFIDENCE = 0.3
# Or, where else nothing were parted, the whole message finds it among so many of its first, and is
# itself not answered for sure, and every part is as sure: "it was refused, and tapping does not
# work" is about two things.
TOLD_CONFIDENCE = 0.7
TOLD_AMONG = 3
# A part that goes on from the one before it counts so much beside the whole message.
ALONE = 0.5
# What may be a part finds an FAQ that is among so many of the first of the whole message.
AGREEING = 5
# "My card is lost, how do I report it?" is one question: the whole of it is answered by what its
# first part finds, and the second, brief and not answered by itself, has that among so many of its
# first. Of 128 development messages that ask two things, one is lost by it.
SAME_AMONG = 2
# What one predicate asks of two things ("how do I get them both") finds both in the whole message:
# so much nearer by the score than what comes third, in units of what the first is ahead of it.
LEVEL = 0.5


def part(reader: Reader, message: Message, patterns: Patterns) -> list[Part]:
    """Its questions with their answers; none unless two of them find different FAQs.

    Clauses are questions only where they are answered, or the whole message finds the same FAQs
    among its first. What goes on from the turn before is parted only where each part is sure, or
    goes on itself.
    """
    found = _found(reader, message, patterns, told=False)
    if len(found) < 2:
        told = _found(reader, message, patterns, told=True)
        is_sure = all(one.confidence >= TOLD_CONFIDENCE for one in told.values())
        found = told if is_sure else found
    if len(found) < 2 and patterns.both.search(message.text):
        found = _of_both(reader, message)
    parts = list(found.values())
    if message.joined and patterns.goes_on(message.question):
        joined = message.joined_parts
        parts = [one for one in parts if one.decision == "answer" or one.question in joined]
    return parts if len(parts) > 1 else []


def answer_of(answer: Answer, parts: Sequence[Part]) -> Answer:
    """One reply of several: answered where each part is, and as sure as the least sure of them."""
    answers = [part.answer for part in parts if part.answer]
    first = [part.citations[0] for part in parts]
    found = {
        "kind": "two_in_one",
        "decision": "answer" if len(answers) == len(parts) else "clarify",
        "answer": "\n\n".join(answers) or None,
        "only_in": other_than_asked(part.only_in for part in parts),
        "confidence": min(part.confidence for part in parts),
        "citations": first,
        "suggestions": [],
        "parts": list(parts),
        "handoff": None,
    }
    return answer.model_copy(update=found)


def _found(reader: Reader, message: Message, patterns: Patterns, *, told: bool) -> dict[str, Part]:
    """FAQ → the part that finds it first; `told`: what only tells it likely does, too.

    Of a short message where a clause asks nothing, only what comes first and second.
    """
    texts = message.parts or message.clauses
    each_asks = all(patterns.asks.search(text) for text in texts)
    depth = AGREEING if each_asks or not patterns.is_short(message.question) else 2
    first = [one.faq_id for one in reader.read(message.question).candidates[:depth]]
    found: dict[str, Part] = {}
    for number, text in enumerate(texts):
        reading = _read_beside(reader, message, number, text, found, patterns)
        is_sure = depth > 2 and reading.is_answered and patterns.asks.search(text) is not None
        is_agreed = bool(message.parts) or reading.first in first or is_sure
        is_found = _is_found(reading, patterns) or (told and _is_told(reader, message, reading))
        is_new = not (patterns.is_brief(text) and _is_same(reader, message, reading, found))
        if reading.first is not None and is_agreed and is_found and is_new:
            found.setdefault(reading.first, _part_of(text, reading))
    return found


def _of_both(reader: Reader, message: Message) -> dict[str, Part]:
    """The first two of the whole message, if the second is nearly as near as the first."""
    text = message.question
    whole = reader.read(text)
    if len(whole.candidates) < 3 or whole.answer.decision == "handoff":
        return {}
    first, second, third = whole.candidates[:3]
    if second.score - third.score < LEVEL * (first.score - third.score):
        return {}
    other = reader.asked_back(reader.read(text, but=[first.faq_id]))
    faqs = reader.answerer.faqs
    return {
        faq_id: _part_of(faqs[faq_id].question, reading)
        for faq_id, reading in ((first.faq_id, whole), (second.faq_id, other))
    }


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
    if blended.first not in found:
        return blended
    whole = [one.faq_id for one in reader.read(message.question).candidates[:TOLD_AMONG]]
    is_part = patterns.goes_on(text) and alone.first not in whole
    return blended if is_part else alone


def _is_found(reading: Reading, patterns: Patterns) -> bool:
    if patterns.asks.search(reading.text) is None:
        return reading.is_answered
    is_handed_over = reading.answer.decision == "handoff"
    return not is_handed_over and reading.answer.confidence >= LEAST_CONFIDENCE


def _is_same(reader: Reader, message: Message, reading: Reading, found: Collection[str]) -> bool:
    """Whether a brief part only asks again what an earlier one found."""
    whole = reader.read(message.question)
    near = {one.faq_id for one in reading.candidates[:SAME_AMONG]}
    return not reading.is_answered and whole.is_answered and whole.first in near & {*found}


def _is_told(reader: Reader, message: Message, reading: Reading) -> bool:
    whole = reader.read(message.question)
    first = [one.faq_id for one in whole.candidates[:TOLD_AMONG]]
    answer = reading.answer
    is_likely = answer.decision != "handoff" and answer.confidence >= TOLD_CONFIDENCE
    if message.parts:
        return is_likely
    return is_likely and reading.first in first and not whole.is_answered


def _part_of(text: str, reading: Reading) -> Part:
    answer = reading.answer
    return Part(
        question=text,
        decision=answer.decision,
        answer=answer.answer,
        only_in=answer.only_in,
        confidence=answer.confidence,
        citations=answer.citations,
        suggestions=answer.suggestions,
    )
