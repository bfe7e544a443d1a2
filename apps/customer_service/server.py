"""HTTP routes: answers, search, embeddings, and the page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

import torch
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.answers.answering import Answerer, Understood, prepare
from apps.customer_service.release import load_release
from apps.customer_service.schema import LONGEST_QUESTION, Answer, AnswerRequest, Citation
from common.models.prediction import TOKENS_PER_BATCH
from common.records.fields import Text
from common.releases.registry import Registry
from common.serving.api_keys import ApiKeys
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.cpus import available_cpus
from common.serving.disconnect import until_disconnected
from common.serving.live import LiveRelease
from common.serving.telemetry import Telemetry

WEB = Path(__file__).parent / "web"
QUEUE_BOUND = 256
MAX_BODY_BYTES = 256 * 1024
MOST_INPUTS = 256
INPUTS_AT_ONCE = 32
EXAMPLES_SHOWN = 4
# A word or a Chinese clause at a time: quick to read, and few events.
PIECE = re.compile(r".*?(?:\s+|[，。；：！？、]|$)", re.DOTALL)


class RetrieveRequest(BaseModel):
    """Body of `POST /v1/retrieve`."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    language: Literal["en", "zh"] | None = None
    top_k: int = Field(5, ge=1, le=50)


class Retrieved(BaseModel):
    """FAQs by fused score, best first."""

    release_id: str
    candidates: list[Citation]


class EmbeddingsRequest(BaseModel):
    """Body of `POST /v1/embeddings`, in OpenAI's shape; `model` is not looked at."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_INPUTS)]
    model: str | None = None
    encoding_format: Literal["float"] = "float"


class Embedding(BaseModel):
    """One text's vector, of length 1."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float]


class Embeddings(BaseModel):
    """Reply of `POST /v1/embeddings`."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: dict[str, int]


class Examples(BaseModel):
    """Example questions."""

    release_id: str
    examples: list[str]


@dataclass(frozen=True)
class _Encoded:
    """A question as one release understood it, and how long its batch took."""

    answerer: Answerer
    understood: Understood
    encode_ms: float


class _Service:
    """The serving release behind a shared batch queue."""

    def __init__(self, registry: Registry, device: str) -> None:
        self.live = LiveRelease(registry, lambda release: load_release(release, device=device))
        self.batcher: Batcher[str, _Encoded] = Batcher(
            self._encode,
            # Characters bound tokens from above, near enough, and cost nothing to count.
            cost=lambda question: len(question) + 2,
            budget=TOKENS_PER_BATCH,
            queue_bound=QUEUE_BOUND,
        )

    def _encode(self, questions: list[str]) -> list[_Encoded]:
        answerer = self.live.current
        started = perf_counter()
        understood = answerer.understand(questions)
        spent = 1000 * (perf_counter() - started)
        return [_Encoded(answerer, one, spent) for one in understood]

    async def answer(self, asked: AnswerRequest) -> Answer:
        started = perf_counter()
        question = prepare(asked.question)
        encoded = await self.batcher.submit(question)
        waited = 1000 * (perf_counter() - started) - encoded.encode_ms
        return encoded.answerer.answer(
            question,
            encoded.understood,
            language=asked.language,
            top_k=asked.top_k,
            timings={"queue": max(waited, 0.0), "encode": encoded.encode_ms},
        )

    async def retrieve(self, asked: RetrieveRequest) -> Retrieved:
        question = prepare(asked.question)
        encoded = await self.batcher.submit(question)
        candidates = encoded.answerer.cite(
            question, encoded.understood, language=asked.language, top_k=asked.top_k
        )
        return Retrieved(release_id=encoded.answerer.release_id, candidates=candidates)


def build_app(
    registry: Registry,
    *,
    device: str = "auto",
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
) -> FastAPI:
    """The customer-service server over the promoted release.

    Raises:
        UserError: there is no release, or it is damaged.
    """
    torch.set_num_threads(available_cpus())
    service = _Service(registry, device)
    telemetry = Telemetry()
    telemetry.watch("questions", service.batcher)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.live.start()
        yield
        await service.batcher.drain()
        service.live.stop()

    app = create_app(
        title="bizlm customer service",
        version="1",
        description="Answers customers' questions from a business's own FAQs.",
        is_ready=lambda: _is_ready(service),
        lifespan=lifespan,
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
    )
    _add_answers(app, service)
    _add_search(app, service)
    _add_examples(app, service)
    return app


def _is_ready(service: _Service) -> tuple[bool, dict[str, Any]]:
    reasons = {"release_id": service.live.release_id}
    if service.live.refused:
        reasons["refused_release"] = service.live.refused
    return True, reasons


def _refuse_long(texts: list[str]) -> None:
    longest = max(len(text) for text in texts)
    if longest > LONGEST_QUESTION:
        raise HTTPException(
            413, f"A text has {longest:,} characters; the most is {LONGEST_QUESTION:,}."
        )


def _add_answers(app: FastAPI, service: _Service) -> None:
    @app.post(
        "/v1/answers",
        response_model=Answer,
        responses={200: {"content": {"text/event-stream": {"schema": Event.model_json_schema()}}}},
        tags=["answers"],
        summary="Answer a question",
        description="With `stream`, the same as events: `start`, `delta` for each piece, `done`.",
    )
    async def answers(asked: AnswerRequest, request: Request) -> Answer | Response:
        _refuse_long([asked.question])
        answer = await until_disconnected(request, service.answer(asked))
        if asked.stream:
            return EventSourceResponse(_events(answer))
        return answer


async def _events(answer: Answer) -> AsyncIterator[bytes]:
    """`start` with all but the answer, the answer piece by piece, then `done` with all of it."""
    yield _event("start", answer.model_copy(update={"answer": None}).model_dump_json())
    for piece in PIECE.findall(answer.answer or ""):
        if piece:
            yield _event("delta", Piece(text=piece).model_dump_json())
    yield _event("done", answer.model_dump_json())


def _event(name: str, data: str) -> bytes:
    return format_sse_event(data_str=data, event=name)


class Event(BaseModel):
    """One event of a streamed answer; `data` is JSON: an answer, or a piece of its text."""

    event: Literal["start", "delta", "done"]
    data: str


class Piece(BaseModel):
    """Data of a `delta` event."""

    text: str


def _add_search(app: FastAPI, service: _Service) -> None:
    @app.post("/v1/retrieve", tags=["search"], summary="Find FAQs")
    async def retrieve(asked: RetrieveRequest, request: Request) -> Retrieved:
        _refuse_long([asked.question])
        return await until_disconnected(request, service.retrieve(asked))

    @app.post("/v1/embeddings", tags=["search"], summary="Embed texts")
    async def embeddings(asked: EmbeddingsRequest, request: Request) -> Embeddings:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        _refuse_long(texts)
        return await until_disconnected(request, _embed(service, texts))


async def _embed(service: _Service, texts: list[str]) -> Embeddings:
    prepared = [prepare(text) for text in texts]
    encoded = []
    # A few at a time: they share forward passes and leave room in the queue for others.
    for start in range(0, len(prepared), INPUTS_AT_ONCE):
        some = prepared[start : start + INPUTS_AT_ONCE]
        encoded += await asyncio.gather(*(service.batcher.submit(text) for text in some))
    answerer = encoded[0].answerer
    tokens = sum(answerer.backbone.token_counts(prepared))
    data = [
        Embedding(index=number, embedding=one.understood.vector.tolist())
        for number, one in enumerate(encoded)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Embeddings(model=answerer.release_id, data=data, usage=usage)


def _add_examples(app: FastAPI, service: _Service) -> None:
    @app.get("/v1/examples", tags=["page"], summary="Example questions")
    async def examples(language: Annotated[Literal["en", "zh"], Query()] = "en") -> Examples:
        answerer = service.live.current
        faqs = [faq for faq in answerer.faqs.values() if faq.language == language]
        step = max(1, len(faqs) // EXAMPLES_SHOWN)
        shown = [faq.question for faq in faqs[::step][:EXAMPLES_SHOWN]]
        return Examples(release_id=answerer.release_id, examples=shown)
