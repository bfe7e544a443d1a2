"""HTTP routes: answers, search, embeddings, and examples for the page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from time import perf_counter
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.answers.answering import Answerer, Understood, prepare
from apps.customer_service.answers.languages.faqs import is_in
from apps.customer_service.schema import (
    LONGEST_QUESTION,
    Answer,
    AnswerRequest,
    Asked,
    Citation,
)
from common.models.prediction import TOKENS_PER_BATCH
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected
from common.serving.switching.live import LiveRelease

T = TypeVar("T")
Reply = Callable[[AnswerRequest, str, Request], Coroutine[Any, Any, Answer]]
# The reply's sentences as they are written, then the answer that counts.
Rewrite = Callable[[Answer, str], AsyncGenerator[str | Answer] | None]
Keep = Callable[[Answer, str, AnswerRequest, Request], None]
QUEUE_BOUND = 256
MOST_INPUTS = 256
INPUTS_AT_ONCE = 32
EXAMPLES_SHOWN = 4
# A word or a Chinese clause at a time: quick to read, and few events.
PIECE = re.compile(r".*?(?:\s+|[，。；：！？、]|$)", re.DOTALL)


class RetrieveRequest(BaseModel):
    """Body of `POST /v1/retrieve`."""

    model_config = ConfigDict(extra="forbid")

    question: Asked
    language: Literal["en", "zh"] | None = None
    top_k: int = Field(5, ge=1, le=50)


class Retrieved(BaseModel):
    """FAQs by fused score, best first."""

    release_id: str
    candidates: list[Citation]


class EmbeddingsRequest(BaseModel):
    """Body of `POST /v1/embeddings`, in OpenAI's shape; `model` is not looked at."""

    input: Asked | Annotated[list[Asked], Field(min_length=1, max_length=MOST_INPUTS)]
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
    """Example questions, and what else the page offers."""

    release_id: str
    examples: list[str]
    reads_pictures: bool


@dataclass(frozen=True)
class Encoded:
    """Texts as one release understood them together, and the milliseconds that it took."""

    answerer: Answerer
    understood: list[Understood]
    encode_ms: float


class Service:
    """The serving release behind a shared batch queue."""

    def __init__(self, live: LiveRelease[Answerer]) -> None:
        self.live = live
        self.batcher: Batcher[Sequence[str], Encoded] = Batcher(
            self._encode,
            # Characters bound tokens from above, near enough, and cost nothing to count.
            cost=lambda texts: len(texts) * (max(map(len, texts)) + 2),
            budget=TOKENS_PER_BATCH,
            queue_bound=QUEUE_BOUND,
        )

    def _encode(self, items: list[Sequence[str]]) -> list[Encoded]:
        answerer = self.live.current
        started = perf_counter()
        understood = iter(answerer.understand([text for texts in items for text in texts]))
        spent = 1000 * (perf_counter() - started)
        return [Encoded(answerer, [*islice(understood, len(texts))], spent) for texts in items]

    async def read(self, *texts: str) -> Encoded:
        """Prepared texts, in one forward pass."""
        return await self.batcher.submit(texts)

    async def retrieve(self, asked: RetrieveRequest) -> Retrieved:
        """FAQs for a question."""
        question = prepare(asked.question)
        encoded = await self.read(question)
        cite = partial(
            encoded.answerer.cite,
            question,
            encoded.understood[0],
            language=asked.language,
            top_k=asked.top_k,
        )
        candidates = await self.without_blocking(encoded.answerer, cite)
        return Retrieved(release_id=encoded.answerer.release_id, candidates=candidates)

    async def without_blocking(self, answerer: Answerer, work: Callable[[], T]) -> T:
        """A search takes two milliseconds; a reranker is a forward pass, between two others."""
        if answerer.reranker is None:
            return work()
        return await self.batcher.between(work)


def _refuse_long(texts: list[str]) -> None:
    longest = max(len(text) for text in texts)
    if longest > LONGEST_QUESTION:
        raise HTTPException(
            413, f"A text has {longest:,} characters; the most is {LONGEST_QUESTION:,}."
        )


def add_answers(app: FastAPI, reply: Reply, keep: Keep, rewrite: Rewrite | None = None) -> None:
    """Add `POST /v1/answers`.

    `reply` gets the body, its prepared question and the request, `keep` the answer before them;
    `rewrite` gets an answer and the question; None: it stays as it is.
    """

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
        question = prepare(asked.question)
        answer = await until_disconnected(request, reply(asked, question, request))
        keep(answer, question, asked, request)
        writing = rewrite(answer, question) if rewrite else None
        if asked.stream:
            return EventSourceResponse(_events(answer, writing))
        if writing:
            return await until_disconnected(request, _last(writing))
        return answer


async def _last(writing: AsyncGenerator[str | Answer]) -> Answer:
    async with aclosing(writing):
        async for written in writing:
            if isinstance(written, Answer):
                return written
    raise AssertionError("the answer ends what is written")


async def _events(
    answer: Answer, writing: AsyncGenerator[str | Answer] | None
) -> AsyncIterator[bytes]:
    """`start` with all but the answer, the answer piece by piece, then `done` with all of it."""
    begun: dict[str, object] = {"answer": None, "sentences": []}
    yield _event("start", answer.model_copy(update=begun).model_dump_json())
    if writing is None:
        for piece in _pieces(answer):
            yield _event("delta", Piece(text=piece).model_dump_json())
    else:
        async with aclosing(writing):
            async for written in writing:
                if isinstance(written, Answer):
                    answer = written
                else:
                    yield _event("delta", Piece(text=written).model_dump_json())
    yield _event("done", answer.model_dump_json())


def _pieces(answer: Answer) -> list[str]:
    whole = answer.answer or ""
    if not answer.sentences:
        return [piece for piece in PIECE.findall(whole) if piece]
    # A sentence at a time, each with what stands before it.
    ends = [0]
    for sentence in answer.sentences:
        ends.append(whole.index(sentence.text, ends[-1]) + len(sentence.text))
    return [whole[start:end] for start, end in pairwise(ends)]


def _event(name: str, data: str) -> bytes:
    return format_sse_event(data_str=data, event=name)


class Event(BaseModel):
    """One event of a streamed answer; `data` is JSON: an answer, or a piece of its text."""

    event: Literal["start", "delta", "done"]
    data: str


class Piece(BaseModel):
    """Data of a `delta` event."""

    text: str


def add_search(app: FastAPI, service: Service) -> None:
    """Add `POST /v1/retrieve` and `POST /v1/embeddings`."""

    @app.post("/v1/retrieve", tags=["search"], summary="Find FAQs")
    async def retrieve(asked: RetrieveRequest, request: Request) -> Retrieved:
        _refuse_long([asked.question])
        return await until_disconnected(request, service.retrieve(asked))

    @app.post("/v1/embeddings", tags=["search"], summary="Embed texts")
    async def embeddings(asked: EmbeddingsRequest, request: Request) -> Embeddings:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        _refuse_long(texts)
        return await until_disconnected(request, _embed(service, texts))


async def _read_all(service: Service, prepared: Sequence[str]) -> list[Encoded]:
    """A few at a time: they share forward passes and leave room in the queue for others."""
    encoded: list[Encoded] = []
    for start in range(0, len(prepared), INPUTS_AT_ONCE):
        some = prepared[start : start + INPUTS_AT_ONCE]
        encoded += await asyncio.gather(*(service.read(text) for text in some))
    return encoded


async def _embed(service: Service, texts: list[str]) -> Embeddings:
    prepared = [prepare(text) for text in texts]
    encoded = await _read_all(service, prepared)
    while len({id(one.answerer.network) for one in encoded}) > 1:
        # Another release was promoted in between, and its vectors lie elsewhere.
        encoded = await _read_all(service, prepared)
    answerer = encoded[0].answerer
    tokens = sum(answerer.network.token_counts(prepared))
    data = [
        Embedding(index=number, embedding=one.understood[0].vector.tolist())
        for number, one in enumerate(encoded)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Embeddings(model=answerer.release_id, data=data, usage=usage)


def add_examples(app: FastAPI, service: Service, *, reads_pictures: bool = False) -> None:
    """Add `GET /v1/examples`."""

    @app.get("/v1/examples", tags=["page"], summary="Example questions")
    async def examples(language: Annotated[Literal["en", "zh"], Query()] = "en") -> Examples:
        answerer = service.live.current
        faqs = [faq for faq in answerer.faqs.values() if is_in(faq, language)]
        step = max(1, len(faqs) // EXAMPLES_SHOWN)
        shown = [faq.question for faq in faqs[::step][:EXAMPLES_SHOWN]]
        return Examples(
            release_id=answerer.release_id, examples=shown, reads_pictures=reads_pictures
        )
