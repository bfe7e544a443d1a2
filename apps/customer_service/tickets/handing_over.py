"""From an answer that hands over, and what was said before, to what a person is to see."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.conversation.session import FOR_THEIR_SAKE
from apps.customer_service.conversation.turns import Turn, last_asked
from apps.customer_service.schema import Answer, Faq, Mood, Priority
from apps.customer_service.tickets.schema import Arrival, Nearest, Said, Ticket, Why
from common.records.spoken.language import likely_language

MOODS: Mapping[str, Mood] = {"angry": "angry", "distress": "distress"}
# What is less sure, and would be shown as 0 %, is no suggestion.
LEAST_SURE = 0.005
# What is found for "I want a person" alone is less sure than this.
LEAST_NEAR = 0.3
# An answer of several FAQs is cut: a person can look them up.
LONGEST_SHOWN = 4000


def handed_over(
    answer: Answer,
    text: str,
    history: Sequence[Turn],
    faqs: Mapping[str, Faq],
    *,
    owner: str,
    subject: str,
) -> Arrival:
    """What comes of an answer in a ticket; it opens one if the answer hands over.

    Args:
        text: what was asked, masked.
        history: the turns before it, oldest first.
        faqs: those that serve, for what was answered.
    """
    now = time.time()
    reason = answer.handoff.reason if answer.handoff else None
    mood = MOODS.get(answer.kind) or MOODS.get(reason or "")
    said = [Said(id=answer.id, at=now, by="customer", text=text)]
    if shown := "\n\n".join(part for part in (answer.message, answer.answer) if part):
        said.append(Said(at=now, by="assistant", text=shown[:LONGEST_SHOWN]))
    return Arrival(
        conversation_id=answer.conversation_id or "",
        owner=owner,
        subject=subject,
        why=_why(answer, text, history, faqs, mood),
        priority=answer.handoff.priority if answer.handoff else "normal",
        mood=mood,
        takes=reason in FOR_THEIR_SAKE,
        before=[one for turn in history for one in _told(turn, faqs)],
        said=said,
    )


def passed_on(text: str, ticket: Ticket, patterns: Patterns, *, subject: str) -> Arrival:
    """What a customer says to the person who has the conversation already.

    Where the ticket is closed at this moment, it opens one like it: nobody else has heard it.

    Args:
        text: masked.
    """
    urgent = patterns.urgency(text)
    mood = urgent or patterns.mood_of(text)
    priority: Priority = "urgent" if urgent else "high" if mood else "normal"
    return Arrival(
        conversation_id=ticket.conversation_id,
        owner=ticket.owner,
        subject=subject,
        why=ticket.why.model_copy(update={"priority": priority, "mood": mood}),
        priority=priority,
        mood=mood,
        takes=True,
        said=[Said(at=time.time(), by="customer", text=text)],
    )


def _why(
    answer: Answer,
    text: str,
    history: Sequence[Turn],
    faqs: Mapping[str, Faq],
    mood: Mood | None,
) -> Why | None:
    if answer.handoff is None:
        return None
    least = LEAST_NEAR if answer.handoff.reason == "wants_person" else LEAST_SURE
    is_near = answer.confidence >= least
    scores = {one.faq_id: one.score for one in answer.citations} if is_near else {}
    near = [
        Nearest(faq_id=one.faq_id, question=one.question, answer=one.answer, score=score)
        for one in answer.suggestions
        if (score := scores.get(one.faq_id)) is not None
    ]
    question, language = answer.understood_as or text, likely_language(text)
    before = last_asked(history)
    if answer.handoff.reason in FOR_THEIR_SAKE and before:
        # "I want a person" is about what was asked before it.
        question = before.topic
        told = [faqs[one] for one in before.on_the_table[:1] if one in faqs]
        near = [*(_nearest(faq, scores.get(faq.id)) for faq in told), *near]
    unique: dict[str, Nearest] = {}
    for one in near:
        unique.setdefault(one.faq_id, one)
    return Why(
        reason=answer.handoff.reason,
        priority=answer.handoff.priority,
        queue=answer.handoff.queue,
        mood=mood,
        language=history[-1].language if language == "other" and history else language,
        question=question,
        confidence=answer.confidence,
        nearest=list(unique.values()),
    )


def _nearest(faq: Faq, score: float | None) -> Nearest:
    return Nearest(faq_id=faq.id, question=faq.question, answer=faq.answer, score=score)


def _told(turn: Turn, faqs: Mapping[str, Faq]) -> list[Said]:
    """A turn as it was said: the customer's message, and the FAQs that were given."""
    said = [Said(at=turn.at, by="customer", text=turn.text)]
    answers = [faqs[faq_id].answer for faq_id in turn.answered if faq_id in faqs]
    if answers:
        text = "\n\n".join(answers)[:LONGEST_SHOWN]
        said.append(Said(at=turn.at, by="assistant", text=text))
    return said
