"""An answer as the store keeps it, and what was said of it as a row of feedback."""

from __future__ import annotations

from apps.customer_service.answers.answering import prepare
from apps.customer_service.learning.bodies import FeedbackRequest
from apps.customer_service.schema import Answer
from common.learning.schema import PERSON, RULE, Feedback, Prediction

APPLICATION = "customer_service"
# Why the release hands a question over; for any other reason the customer is handed over.
NOT_FOUND = frozenset({"out_of_scope", "not_sure", "nothing_found"})
# What of a prediction says that no FAQ answered.
BESIDE_FAQS = frozenset({"document", "facts"})


def prediction_of(
    answer: Answer, question: str, *, at: float, source: str, subject: str | None
) -> Prediction:
    """What was answered to a prepared message; its text is the question that was searched.

    Where a person takes over for the customer's sake, or a rule decided, that says nothing of the
    release.
    """
    first = answer.citations[0] if answer.citations else None
    is_person_s = answer.handoff is not None and answer.handoff.reason not in NOT_FOUND
    return Prediction(
        id=answer.id,
        at=at,
        source=source,
        subject=subject,
        release_id=answer.release_id,
        text=answer.understood_as or question,
        decision=RULE if answer.decided_by else PERSON if is_person_s else answer.decision,
        given={
            "faq_id": first and first.faq_id,
            "score": first and first.score,
            "confidence": answer.confidence,
            "intent": answer.intent and answer.intent.name,
            "kind": answer.kind,
            **({"rule": answer.decided_by.rule} if answer.decided_by else {}),
            **({"document": answer.source.document} if answer.source else {}),
            **({"facts": [one.place for one in answer.path.facts]} if answer.path else {}),
        },
    )


def feedback_of(
    said: FeedbackRequest,
    prediction: Prediction | None,
    *,
    at: float,
    source: str,
    subject: str | None,
    trusted: bool,
) -> Feedback:
    """What was said; without `prediction` the question is taken from what was said."""
    wanted: dict[str, str] = {}
    if said.faq_id is not None:
        wanted = {"faq_id": said.faq_id}
    elif said.answer is not None:
        # Whoever is trusted writes for everybody, with the business's own numbers in it.
        wanted = {"answer": said.answer if trusted else prepare(said.answer)}
    return Feedback(
        at=at,
        source=source,
        subject=subject,
        trusted=trusted,
        prediction_id=said.answer_id,
        release_id=prediction and prediction.release_id,
        kind=said.verdict or "correction",
        text=prediction.text if prediction else prepare(said.question or ""),
        given=prediction.given if prediction else {},
        wanted=wanted,
    )
