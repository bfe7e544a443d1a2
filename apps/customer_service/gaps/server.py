"""HTTP routes: what is asked and not answered, and what was answered for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.server import INPUTS_AT_ONCE
from apps.customer_service.conversation.dialogue import Dialogue
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.server import Conversations
from apps.customer_service.gaps.finding import (
    EXAMPLES_SHOWN,
    NOT_ANSWERED,
    Gap,
    Questions,
    find_gaps,
)
from apps.customer_service.gaps.resolution import SECONDS, By, contacts, resolved
from apps.customer_service.gaps.store import DismissedStore
from apps.customer_service.gaps.table import as_table
from apps.customer_service.knowledge.serving.bodies import Author
from apps.customer_service.knowledge.serving.server import author_of
from apps.customer_service.tickets.customer_server import or_unavailable
from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.records.fields import Text
from common.records.writing import csv_bytes
from common.serving.auditing.changes import note
from common.serving.speakers import Speakers

DAY = 86400.0
MOST_QUESTIONS = 100_000
# The page asks for both of its lists, and for the export.
FRESH_SECONDS = 60.0
Days = Annotated[int, Query(ge=1, le=366, description="How far back.")]


class CsvResponse(Response):
    """A table."""

    media_type = "text/csv"


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
    is_dismissed: bool = Field(description="Somebody said that it is not yours.")


class Gaps(BaseModel):
    """What is wanted and missing, that of most people first."""

    release_id: str
    questions: int = Field(description="How many were not answered.")
    is_cut: bool = Field(description=f"Only the latest {MOST_QUESTIONS:,} of them were looked at.")
    rarer: int = Field(description="How many rarer wordings were not looked at.")
    rarer_asked: int = Field(description="How often those were asked.")
    total: int = Field(description="How many gaps there are, those that are not listed as well.")
    dismissed: int = Field(description="How many of them are not yours.")
    gaps: list[GapRow]


class Dismissal(BaseModel):
    """Body of `POST /v1/gaps/dismissals`."""

    model_config = ConfigDict(extra="forbid")

    examples: list[Text] = Field(min_length=1, max_length=EXAMPLES_SHOWN)
    dismissed: bool = Field(True, description="Whether they are not yours; false: they are.")
    author: Author = None


class ResolvedRow(BaseModel):
    """How the contacts of one group ended."""

    group: str
    contacts: int
    durable: int = Field(description="Answered, and nobody came back within seven days.")
    came_back: int
    not_answered: int
    too_early: int = Field(description="Began less than seven days ago: not told yet.")
    share: float | None = Field(description="Durable, of what is old enough to tell.")


class Resolution(BaseModel):
    """How customers' contacts ended."""

    by: By
    is_cut: bool = Field(description=f"Only the latest {MOST_QUESTIONS:,} questions were counted.")
    rows: list[ResolvedRow]


@dataclass(frozen=True)
class Found:
    """All gaps of some days, and what they were found in."""

    release_id: str
    questions: Questions
    gaps: list[Gap]


@dataclass(frozen=True)
class Made:
    """What was found, by which rules of which knowledge, and when."""

    found: Found
    dialogue: Dialogue
    of: tuple[object, ...]
    at: float

    def is_fresh(self, dialogue: Dialogue, of: tuple[object, ...]) -> bool:
        """Whether the same would be found again."""
        mine = self.dialogue
        is_same = mine.answerer is dialogue.answerer and mine.rules is dialogue.rules
        return is_same and self.of == of and time.monotonic() - self.at < FRESH_SECONDS


class GapFinder:
    """Reads what was not answered with the release that serves; each text once."""

    def __init__(self, conversations: Conversations, store: FeedbackStore) -> None:
        self._conversations = conversations
        self._service = conversations.service
        self._store = store
        self._patterns = load_patterns()
        self._lock = asyncio.Lock()
        self._release_id = ""
        self._read: dict[str, Understood] = {}
        self._made: Made | None = None
        self.dismissed = DismissedStore(store.database)

    async def find(self, days: int) -> Found:
        """The gaps of the last days."""
        since = time.time() - days * DAY
        async with self._lock:
            asked = await self._asked(since, NOT_ANSWERED)
            faqs = self._service.live.current.faqs
            questions = await asyncio.to_thread(Questions.of, asked, faqs, self._patterns)
            dismissed = await or_unavailable(lambda: self.dismissed.among([*questions.messages]))
            answerer, understood = await self._understand(questions.texts)
            dialogue = self._conversations.dialogue(answerer)
            of = (days, len(asked), asked[-1].id if asked else "", dismissed)
            if self._made is None or not self._made.is_fresh(dialogue, of):
                gaps = await asyncio.to_thread(
                    find_gaps, dialogue, questions, understood, dismissed
                )
                found = Found(answerer.release_id, questions, gaps)
                self._made = Made(found, dialogue, of, time.monotonic())
            return self._made.found

    async def _understand(self, texts: Sequence[str]) -> tuple[Answerer, dict[str, Understood]]:
        """All texts as one release reads them, however often another is promoted meanwhile."""
        while True:
            answerer = self._service.live.current
            if self._release_id != answerer.release_id:
                self._release_id, self._read = answerer.release_id, {}
            new = [text for text in texts if text not in self._read]
            if not new:
                self._read = {text: self._read[text] for text in texts}
                return answerer, self._read
            # A few at a time: customers are answered meanwhile.
            encoded = await self._service.read(*new[:INPUTS_AT_ONCE])
            if encoded.answerer.release_id == self._release_id:
                self._read |= dict(zip(new, encoded.understood, strict=False))

    async def asked(self, since: float) -> list[Prediction]:
        """All questions since then, seconds since 1970."""
        return await self._asked(since)

    async def _asked(self, since: float, decisions: Collection[str] = ()) -> list[Prediction]:
        return await or_unavailable(
            lambda: self._store.asked_since(since, MOST_QUESTIONS, decisions)
        )


def add_gaps(app: FastAPI, finder: GapFinder, speakers: Speakers) -> None:
    """Add `/v1/gaps`, what is below it, and `GET /v1/resolution`, for those who are trusted."""

    @app.get("/v1/gaps", tags=["gaps"], summary="What customers ask that is not answered")
    async def gaps(
        request: Request,
        days: Days = 30,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        dismissed: Annotated[bool, Query(description="Those that are not yours.")] = False,
    ) -> Gaps:
        speakers.require_trust(request)
        found = await finder.find(days)
        listed = [gap for gap in found.gaps if gap.is_dismissed == dismissed]
        return Gaps(
            release_id=found.release_id,
            questions=len(found.questions.asked),
            is_cut=len(found.questions.asked) == MOST_QUESTIONS,
            rarer=found.questions.rarer,
            rarer_asked=found.questions.rarer_asked,
            total=len(found.gaps),
            dismissed=sum(gap.is_dismissed for gap in found.gaps),
            gaps=[GapRow.model_validate(gap) for gap in listed[:limit]],
        )

    @app.get(
        "/v1/gaps/export", tags=["gaps"], summary="All of them as CSV", response_class=CsvResponse
    )
    async def export(request: Request, days: Days = 30) -> Response:
        speakers.require_trust(request)
        found = await finder.find(days)
        content = csv_bytes(as_table(found.gaps))
        named = {"Content-Disposition": f'attachment; filename="gaps-{days}-days.csv"'}
        return CsvResponse(content, headers=named)

    @app.post("/v1/gaps/dismissals", tags=["gaps"], status_code=204, summary="Say it is not yours")
    async def dismiss(given: Dismissal, request: Request) -> None:
        speakers.require_trust(request)
        if given.dismissed:
            author = author_of(request, given.author)
            await or_unavailable(lambda: finder.dismissed.dismiss(given.examples, author))
        else:
            await or_unavailable(lambda: finder.dismissed.undo(given.examples))
        note(request, after="not ours" if given.dismissed else "ours")

    @app.get("/v1/resolution", tags=["gaps"], summary="What was answered for good")
    async def resolution(request: Request, days: Days = 90, by: By = "week") -> Resolution:
        speakers.require_trust(request)
        now = time.time()
        since = now - days * DAY
        asked = await finder.asked(since - SECONDS)
        rows = await asyncio.to_thread(lambda: resolved(contacts(asked, now, since=since), by))
        shown = [ResolvedRow(**asdict(row), share=row.share) for row in rows]
        return Resolution(by=by, is_cut=len(asked) == MOST_QUESTIONS, rows=shown)
