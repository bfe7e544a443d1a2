"""HTTP routes: what people say of answers."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, HTTPException, Request

from apps.customer_service.knowledge.serving.hearing import hear
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.serving.server import author_of
from apps.customer_service.learning.bodies import FeedbackReceipt, FeedbackRequest
from apps.customer_service.learning.predictions import feedback_of, prediction_of
from apps.customer_service.schema import Answer, AnswerRequest
from common.serving.auditing.changes import note
from common.serving.learning.feedback import FeedbackCollector, now


def keep(
    collector: FeedbackCollector,
    answer: Answer,
    question: str,
    asked: AnswerRequest,
    request: Request,
) -> None:
    """Write an answer down, behind it; what a person is to answer is none."""
    if answer.handoff and answer.handoff.reason == "with_person":
        return
    speaker = collector.speakers.of(request, asked.user or answer.conversation_id)
    collector.writer.put(
        prediction_of(answer, question, at=now(), source=speaker.source, subject=speaker.subject)
    )


def add_feedback(app: FastAPI, live: LiveKnowledge, collector: FeedbackCollector) -> None:
    """Add `POST /v1/feedback`; what somebody trusted corrects is answered so at once."""

    @app.post(
        "/v1/feedback", tags=["feedback"], status_code=201, summary="Say what is right, or wrong"
    )
    async def feedback(said: FeedbackRequest, request: Request) -> FeedbackReceipt:
        if said.verdict is None and collector.speakers.is_visitor(request):
            raise HTTPException(403, "Without a key an answer can be rated, and not corrected.")
        if said.faq_id is not None and said.faq_id not in live.current.faqs:
            raise HTTPException(422, f"There is no FAQ {said.faq_id!r}.")
        prediction = await collector.prediction(said.answer_id)
        if prediction is None and said.question is None:
            raise HTTPException(404, "This answer is not kept: send its question along.")
        speaker = collector.speakers.of(request, said.user)
        row = feedback_of(
            said,
            prediction,
            at=now(),
            source=speaker.source,
            subject=speaker.subject,
            trusted=speaker.trusted,
        )
        await collector.add(row)
        # The rule would go on to decide: it is what must be changed.
        is_live = row.trusted and row.kind == "correction" and "rule" not in row.given
        if is_live:
            is_live = await asyncio.to_thread(hear, live, row.text, row.wanted, author_of(request))
        if is_live:
            note(request, about=row.wanted.get("faq_id", ""), after="live")
        return FeedbackReceipt(
            id=row.id,
            counts_alone=row.trusted,
            learning=collector.learns_from(row),
            live=is_live,
        )
