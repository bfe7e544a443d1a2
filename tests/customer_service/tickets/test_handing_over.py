"""What of an answer comes into a ticket."""

from __future__ import annotations

import pytest

from apps.customer_service.conversation.turns import Turn
from apps.customer_service.schema import Answer, Citation, Faq, Handoff, Suggestion
from apps.customer_service.tickets.handing_over import handed_over

NOTHING = Answer(
    id="a1",
    release_id="r1",
    decision="handoff",
    answer=None,
    confidence=0.1,
    intent=None,
    citations=[],
    suggestions=[],
    handoff=Handoff(reason="not_sure"),
    timings_ms={},
)


@pytest.mark.parametrize(
    ("text", "language"),
    [("yinhangka diule zenmeban", "zh"), ("J'ai perdu ma carte", "fr"), ("my card is gone", "en")],
)
def test_a_ticket_is_in_the_language_of_the_customer_s_words(text: str, language: str) -> None:
    arrival = handed_over(NOTHING, text, [], {}, owner="", subject="s")
    assert arrival.why is not None
    assert arrival.why.language == language


FAQ = Faq(id="card-lost", question="What if my card is lost?", answer="Freeze it.")
NEAR = NOTHING.model_copy(
    update={
        "citations": [Citation(faq_id=FAQ.id, question=FAQ.question, score=0.4)],
        "suggestions": [Suggestion(faq_id=FAQ.id, question=FAQ.question, answer=FAQ.answer)],
    }
)
ASKED = Turn(
    conversation_id="c",
    owner="",
    subject="s",
    at=0.0,
    text="lost my card",
    understood_as="lost my card",
    topic="lost my card",
    kind="question",
    language="en",
    answered=[FAQ.id],
)


@pytest.mark.parametrize(
    ("reason", "confidence", "score"),
    [
        ("not_sure", 0.1, 0.4),
        ("not_sure", 0.004, "none"),
        ("out_of_scope", 0.0, "none"),
        ("wants_person", 0.2, None),
        ("wants_person", 0.0, None),
    ],
)
def test_what_is_0_percent_sure_is_no_suggestion_and_what_was_told_is_no_guess(
    reason: str, confidence: float, score: float | str | None
) -> None:
    handoff = Handoff.model_validate({"reason": reason})
    found = {"handoff": handoff, "confidence": confidence}
    answer = NEAR.model_copy(update=found)
    why = handed_over(answer, "a person!", [ASKED], {FAQ.id: FAQ}, owner="", subject="s").why
    assert why is not None
    assert (why.suggestion.score if why.suggestion else "none") == score
