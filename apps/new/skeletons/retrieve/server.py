"""HTTP routes: a question is answered, an answer corrected; all others are bizlm's."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

from apps.new.skeletons.retrieve.application import APPLICATION
from apps.new.skeletons.retrieve.schema import Answer, Correction, Question
from common.applications.server import Receipt, Service
from common.releases.registry import Registry


def build_app(registry: Registry, **options: Any) -> FastAPI:
    """The server of the promoted release; `options` are those of `Service`."""
    service: Service[Question, Answer] = Service(APPLICATION, registry, **options)

    @service.app.post("/v1/answers", tags=["answers"], summary="Answer a question")
    async def answers(question: Question, request: Request) -> Answer:
        return await service.answer(question, request)

    @service.app.post("/v1/feedback", tags=["feedback"], status_code=201, summary="Correct it")
    async def feedback(said: Correction, request: Request) -> Receipt:
        return await service.hear(said, request)

    return service.app
