"""HTTP routes: what is asked and not answered, and what was answered for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.server import INPUTS_AT_ONCE, Service
from apps.customer_service.gaps.finding import NOT_ANSWERED, distinct_texts, find_gaps
from apps.customer_service.gaps.resolution import By, contacts, resolved
from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.serving.speakers import Speakers

DAY = 86400.0
MOST_QUESTIONS = 100_000
Days = Annotated[int, Query(ge=1, le=366, description="How far back.")]


class NearestRow(BaseModel):
    """The FAQ that comes nearest."""

    model_config = ConfigDict(from_attributes=True)

    faq_id: str
    question: str
    confidence: float


class GapRow(BaseModel):
    """Questions that mean the same and are not answered. Times are seconds since 1970."""

    model_config = ConfigDict(from_attributes=True)

    question: str
    language: str
    asked: int
    people: int = Field(description="By how many it was asked.")
    angry: int = Field(description="How many of these were angry or in distress.")
    first_at: float
    last_at: float
    examples: list[str]
    nearest: NearestRow | None


class Gaps(BaseModel):
    """What is wanted and missing, that of most people first."""

    release_id: str
    questions: int = Field(description="How many were not answered.")
    gaps: list[GapRow]


class ResolvedRow(BaseModel):
    """How the contacts of one group ended."""

    group: str
    contacts: int
    durable: int = Field(description="Answered, and nobody came back within seven days.")
    came_back: int
    not_answered: int
    too_early: int = Field(description="Answered less than seven days ago.")
    share: float | None = Field(description="Durable, of what is old enough to tell.")


class Resolution(BaseModel):
    """How customers' contacts ended."""

    by: By
    rows: list[ResolvedRow]


class GapFinder:
    """Reads what was not answered with the release that serves; each text once."""

    def __init__(self, service: Service, store: FeedbackStore) -> None:
        self._service = service
        self._store = store
        self._lock = asyncio.Lock()
        self._release_id = ""
        self._read: dict[str, Understood] = {}

    async def find(self, days: int) -> Gaps:
        """The gaps of the last days."""
        since = time.time() - days * DAY
        async with self._lock:
            asked = await asyncio.to_thread(
                self._store.asked_since, since, MOST_QUESTIONS, NOT_ANSWERED
            )
            answerer, understood = await self._understand(distinct_texts(asked))
            found = await asyncio.to_thread(find_gaps, answerer, asked, understood)
        return Gaps(
            release_id=answerer.release_id,
            questions=len(asked),
            gaps=[GapRow.model_validate(gap) for gap in found],
        )

    async def _understand(self, texts: Sequence[str]) -> tuple[Answerer, dict[str, Understood]]:
        answerer = self._service.live.current
        if self._release_id != answerer.release_id:
            self._release_id, self._read = answerer.release_id, {}
        new = [text for text in texts if text not in self._read]
        # A few at a time: customers are answered meanwhile.
        for start in range(0, len(new), INPUTS_AT_ONCE):
            some = new[start : start + INPUTS_AT_ONCE]
            for text, one in zip(some, (await self._service.read(*some)).understood, strict=True):
                self._read[text] = one
        self._read = {text: self._read[text] for text in texts}
        return self._service.live.current, self._read

    async def asked(self, days: int) -> list[Prediction]:
        """All questions of the last days."""
        since = time.time() - days * DAY
        return await asyncio.to_thread(self._store.asked_since, since, MOST_QUESTIONS)


def add_gaps(app: FastAPI, finder: GapFinder, speakers: Speakers) -> None:
    """Add `GET /v1/gaps` and `GET /v1/resolution`, for those who are trusted."""

    @app.get("/v1/gaps", tags=["gaps"], summary="What customers ask that is not answered")
    async def gaps(
        request: Request,
        days: Days = 30,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Gaps:
        speakers.require_trust(request)
        found = await finder.find(days)
        return found.model_copy(update={"gaps": found.gaps[:limit]})

    @app.get("/v1/resolution", tags=["gaps"], summary="What was answered for good")
    async def resolution(request: Request, days: Days = 90, by: By = "week") -> Resolution:
        speakers.require_trust(request)
        asked = await finder.asked(days)
        rows = await asyncio.to_thread(lambda: resolved(contacts(asked, time.time()), by))
        shown = [ResolvedRow(**asdict(row), share=row.share) for row in rows]
        return Resolution(by=by, rows=shown)
