"""A conversation within this process, and what is remembered of each reply."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from apps.customer_service.answers.answering import Answerer, prepare, timed
from apps.customer_service.conversation.dialogue import Dialogue
from apps.customer_service.conversation.kinds import KEPT, fit_recogniser
from apps.customer_service.conversation.message import Message, take_apart
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.turns import MOST_CHARACTERS, MOST_TURNS, Turn
from apps.customer_service.graph.telling import Facts
from apps.customer_service.rules.schema import AnswerRules
from apps.customer_service.schema import Answer
from common.releases.release import Release

# Why a person takes over whatever was asked.
FOR_THEIR_SAKE = frozenset({"wants_person", "angry", "distress", "rule"})


def open_dialogue(
    answerer: Answerer,
    release: Release,
    root: Path,
    rules: AnswerRules | None = None,
    *,
    composes: bool = False,
    facts: Facts | None = None,
) -> Dialogue:
    """What replies by a release.

    Args:
        root: the application's directory.
        composes: whether one reply may be put together of several passages.
        facts: answer what they hold.
    """
    recogniser = fit_recogniser(answerer, release, root / KEPT)
    return Dialogue(answerer, recogniser, load_patterns(), rules, composes, facts)


@dataclass
class Session:
    """One conversation; its last turns are remembered as long as it lives."""

    dialogue: Dialogue
    language: str | None = None
    history: list[Turn] = field(default_factory=list)

    def say(self, text: str) -> Answer:
        """The reply to a message."""
        started = time.perf_counter()
        answerer = self.dialogue.answerer
        prepared = prepare(text)
        message = take_apart(prepared, self.history, answerer.faqs, self.dialogue.patterns)
        texts = message.texts
        understood = dict(zip(texts, answerer.understand(texts), strict=True))
        read = time.perf_counter()
        answer = self.dialogue.reply(message, understood, language=self.language)
        spent = {"encode": 1000 * (read - started), "search": 1000 * (time.perf_counter() - read)}
        says_something = self.dialogue.says_something(answer, message, understood)
        turn = turn_of(answer, message, at=time.time(), understood=says_something)
        self.history = [*self.history, turn][-MOST_TURNS:]
        return timed(answer, spent)


def turn_of(
    answer: Answer,
    message: Message,
    *,
    at: float,
    understood: bool,
    owner: str = "",
    subject: str = "",
) -> Turn:
    """What to remember of a message and its answer."""
    if answer.parts:
        answered = [part.citations[0].faq_id for part in answer.parts if part.answer]
    else:
        answered = [one.faq_id for one in answer.citations[:1] if answer.decision == "answer"]
    return Turn(
        conversation_id=answer.conversation_id or "",
        owner=owner,
        subject=subject,
        at=at,
        text=message.text[:MOST_CHARACTERS],
        understood_as=(answer.understood_as or message.text)[:MOST_CHARACTERS],
        topic=_topic(answer, message)[:MOST_CHARACTERS],
        kind=answer.kind,
        language=message.language,
        answered=answered,
        shown=[one.faq_id for one in answer.suggestions],
        understood=understood,
    )


def _topic(answer: Answer, message: Message) -> str:
    """What a follow-up goes on from; a follow-up goes on from what it followed itself."""
    if answer.decision == "chat" or (answer.handoff and answer.handoff.reason in FOR_THEIR_SAKE):
        return ""
    if answer.kind in {"choice", "correction"} and answer.understood_as:
        return answer.understood_as
    is_part = answer.understood_as is not None and message.before is not None
    # What is said in passing of it and finds nothing for sure does not end it, either.
    is_unsure = bool(message.joined) and answer.decision != "answer" and not answer.parts
    goes_on = message.before is not None and (is_part or is_unsure)
    return message.before.topic if goes_on and message.before else message.question
