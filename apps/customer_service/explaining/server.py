"""HTTP route: why an answer was given."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fastapi import FastAPI, HTTPException, Request

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import EightBit
from apps.customer_service.explaining.account import account
from apps.customer_service.explaining.question import explain_question
from common.evaluation.explanation.attribution import pick_method
from common.evaluation.explanation.explanation import Explanation
from common.models.devices import in_own_thread
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected
from common.serving.learning.feedback import FeedbackCollector
from common.serving.switching.live import LiveRelease

# Some thirty passes each: who waits behind many is better asked to come back.
QUEUE_BOUND, LONGEST_WAIT = 16, 10.0
Asked = tuple[str, str | None]


class AnswerExplainer:
    """Explains one answer after the other, in a thread of its own."""

    def __init__(self, live: LiveRelease[Answerer]) -> None:
        self._live = live
        self._method = pick_method(None)
        self.batcher: Batcher[Asked, Explanation] = Batcher(
            lambda asked: in_own_thread(partial(self._explain, asked)),
            cost=lambda asked: len(asked[0]),
            budget=1,
            queue_bound=QUEUE_BOUND,
            longest_wait=LONGEST_WAIT,
        )

    @property
    def answerer(self) -> Answerer:
        """Who answers now."""
        return self._live.current

    def _explain(self, asked: list[Asked]) -> list[Explanation]:
        answerer = self._live.current
        # Eight bits have no gradients.
        method = "occlusion" if isinstance(answerer.network, EightBit) else self._method
        return [explain_question(answerer, text, method, faq) for text, faq in asked]


def add_explanations(
    app: FastAPI, collector: FeedbackCollector, explainer: AnswerExplainer
) -> None:
    """Add `GET /v1/answers/{answer_id}/explanation`."""

    @app.get(
        "/v1/answers/{answer_id}/explanation",
        tags=["answers"],
        summary="The words by which a question found its FAQ",
        description="By the release that serves now, and of the question as it is kept: `text`, "
        "with personal data masked. `sentences`: what was decided, for the customer and for an "
        "auditor.",
    )
    async def explanation(answer_id: str, request: Request) -> Explanation:
        prediction = await collector.prediction(answer_id)
        if prediction is None:
            raise HTTPException(404, "This answer is not kept.")
        asked = (prediction.text, prediction.given.get("faq_id"))
        found = await until_disconnected(request, explainer.batcher.submit(asked))
        return replace(found, sentences=account(prediction, found, explainer.answerer))
