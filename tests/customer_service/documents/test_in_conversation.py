from __future__ import annotations

from dataclasses import replace

import pytest
from sample import Demo

from apps.customer_service.answers.retrieval import Floats
from apps.customer_service.conversation.session import Session, open_dialogue
from apps.customer_service.release import load_release
from apps.customer_service.schema import Answer, PassageSource, Quote
from common.releases.registry import Registry

SOURCE = PassageSource(passage_id="p", document="boxes.pdf", title="Boxes", page=2)


class _Documents:
    """Quotes the same of every question."""

    def __init__(self, *, is_sure: bool) -> None:
        self.is_sure = is_sure

    def quote(self, question: str, vector: Floats, *, language: str | None) -> Quote:
        return Quote(text="Keys cost £35.", confidence=0.9, is_sure=self.is_sure, source=SOURCE)


@pytest.fixture(scope="module")
def sessions(demo: Demo) -> dict[bool, Session]:
    registry = Registry(demo.store, "customer_service")
    release = registry.open()
    dialogue = open_dialogue(load_release(release, device="cpu"), release, registry.root)
    return {
        is_sure: Session(
            replace(
                dialogue,
                answerer=replace(dialogue.answerer, documents=_Documents(is_sure=is_sure)),
            )
        )
        for is_sure in (True, False)
    }


def _say(sessions: dict[bool, Session], text: str, *, is_sure: bool = True) -> Answer:
    return Session(sessions[is_sure].dialogue).say(text)


def test_a_question_that_no_faq_answers_is_answered_by_a_quote(
    sessions: dict[bool, Session],
) -> None:
    asked = "what does a replacement key for the vault cost?"
    answer = _say(sessions, asked)
    assert (answer.decision, answer.answer, answer.source) == ("answer", "Keys cost £35.", SOURCE)
    unsure = _say(sessions, asked, is_sure=False)
    assert unsure.decision != "answer"
    assert unsure.source is None


@pytest.mark.parametrize("said", ["What should I do if my card is lost or stolen?", "hello"])
def test_what_an_faq_answers_or_nobody_asked_is_not_quoted(
    sessions: dict[bool, Session], said: str
) -> None:
    assert _say(sessions, said).source is None


def test_who_wants_a_person_gets_one(sessions: dict[bool, Session]) -> None:
    answer = _say(sessions, "I want to talk to a person")
    assert (answer.decision, answer.source) == ("handoff", None)
