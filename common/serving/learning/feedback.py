"""What people say, over HTTP: the rows to decide on, and learning set off by them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from common.learning.behind import KEEP_SECONDS, BehindWriter, Fate
from common.learning.schema import Feedback, Prediction, Status
from common.learning.spool import SPOOL
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.serving.auditing.changes import note
from common.serving.learning.process import LearningProcess
from common.serving.speakers import Speakers
from common.serving.telemetry import Telemetry
from common.storage.database import DATABASE, DATABASE_TROUBLE, Database

MOST_ROWS = 500
# PostgreSQL is not to be asked for a NUL.
Id = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class FeedbackRow(BaseModel):
    """One thing that somebody said, as `GET /v1/feedback` lists it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: float = Field(description="Seconds since 1970, UTC.")
    kind: Literal["good", "bad", "correction"]
    text: str
    given: dict[str, Any]
    wanted: dict[str, Any]
    source: str
    trusted: bool
    status: Status
    release_id: str | None
    learned_in: str | None


class FeedbackRows(BaseModel):
    """The latest rows, oldest first, and how many there are of each status, of that kind."""

    rows: list[FeedbackRow]
    counts: dict[str, int]
    learning: str = Field(description="off, idle, running, failed or refused.")


class Decision(BaseModel):
    """Body of `POST /v1/feedback/decisions`; `new` takes a decision back."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_ROWS)]
    status: Literal["accepted", "rejected", "new"]


class Decided(BaseModel):
    """How many rows changed."""

    changed: int


class FeedbackCollector:
    """Takes predictions and feedback.

    Args:
        learner: what learns after each trusted correction, if anything does.
    """

    def __init__(
        self,
        writer: BehindWriter[FeedbackStore],
        speakers: Speakers,
        learner: LearningProcess | None = None,
    ) -> None:
        self.writer = writer
        self.store = writer.store
        self.speakers = speakers
        self.learner = learner

    def start(self) -> None:
        """Begin to write, and to learn."""
        self.writer.start()
        if self.learner:
            self.learner.start()

    def stop(self) -> None:
        """Write what is waiting; what is being learned is given up, and nothing is lost by it."""
        if self.learner:
            self.learner.stop()
        self.writer.stop()

    async def prediction(self, identity: str) -> Prediction | None:
        """A prediction that is kept, or waits to be; None where the database is down, too."""
        return await asyncio.to_thread(self._prediction, identity)

    def _prediction(self, identity: str) -> Prediction | None:
        self.writer.flush()
        try:
            return self.store.prediction(identity)
        except DATABASE_TROUBLE:
            return None

    async def add(self, *rows: Feedback) -> None:
        """Keep rows: in the database, or where that is down, in the spool beside it.

        Raises:
            HTTPException: neither took them.
        """
        if await asyncio.to_thread(self.writer.write, *rows) is Fate.LOST:
            raise HTTPException(503, "It could not be kept; say it again.")
        if self.learner and any(map(self.learns_from, rows)):
            self.learner.request()

    def accepted(self) -> None:
        """Learn from what a person just accepted, where that is done at once."""
        if self.learner and self._learns_at_once:
            self.learner.request()

    def drifted(self) -> None:
        """Learn, whatever the schedule: what comes in is of another kind."""
        if self.learner:
            self.learner.request()

    @property
    def _learns_at_once(self) -> bool:
        return self.learner is not None and self.learner.schedule.at_once

    def learns_from(self, row: Feedback) -> bool:
        """Whether a row is learned from at once."""
        is_taken = row.trusted and row.kind == "correction" and "rule" not in row.given
        return self._learns_at_once and is_taken


def collect_feedback(
    registry: Registry,
    application: str,
    *,
    database: str | Path | None = None,
    keep_seconds: float = KEEP_SECONDS,
    trusted_keys: Collection[str] = (),
    has_keys: bool = False,
    learner: LearningProcess | None = None,
) -> FeedbackCollector:
    """What collects for an application.

    Args:
        database: where rows are kept; None: in the store.
        keep_seconds: how long predictions are kept, and feedback that is done with.
        trusted_keys, has_keys: see `Speakers`.
        learner: see `FeedbackCollector`.
    """
    store = FeedbackStore(Database(database or registry.root.parent / DATABASE), application)
    spool = registry.root / SPOOL
    writer = BehindWriter(store, spool, keep_seconds=keep_seconds)
    speakers = Speakers(registry.root, trusted_keys, has_keys=has_keys)
    return FeedbackCollector(writer, speakers, learner)


def add_feedback_routes(app: FastAPI, collector: FeedbackCollector, telemetry: Telemetry) -> None:
    """Add `GET /v1/feedback` and `POST /v1/feedback/decisions`, for those who are trusted."""
    telemetry.registry.register(WriterMetrics(collector.writer))

    @app.get("/v1/feedback", tags=["feedback"], summary="What people said")
    async def list_feedback(
        request: Request,
        status: Annotated[Status | None, Query()] = None,
        kind: Annotated[Literal["good", "bad", "correction"] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> FeedbackRows:
        collector.speakers.require_trust(request)
        store = collector.store
        with _or_unavailable():
            rows = await asyncio.to_thread(store.feedback, status=status, kind=kind, limit=limit)
            counts = await asyncio.to_thread(store.counts, kind)
        learning = collector.learner.state if collector.learner else "off"
        found = [FeedbackRow.model_validate(row) for row in rows]
        return FeedbackRows(rows=found, counts=counts, learning=learning)

    @app.post("/v1/feedback/decisions", tags=["feedback"], summary="Accept, reject, or undo it")
    async def decide(decision: Decision, request: Request) -> Decided:
        speaker = collector.speakers.require_trust(request)
        by = None if decision.status == "new" else speaker.source
        decide_all = collector.store.decide
        with _or_unavailable():
            changed = await asyncio.to_thread(decide_all, decision.ids, decision.status, by)
        if changed and decision.status == "accepted":
            collector.accepted()
        note(request, about=decision.ids, after=decision.status)
        return Decided(changed=changed)


@contextmanager
def _or_unavailable() -> Iterator[None]:
    try:
        yield
    except DATABASE_TROUBLE:
        raise HTTPException(503, "The database does not answer; try again.") from None


def now() -> float:
    """Seconds since 1970, UTC."""
    return time.time()


class WriterMetrics(Collector):
    """What became of the rows that a writer took."""

    def __init__(self, writer: BehindWriter[Any]) -> None:
        self._writer = writer

    def collect(self) -> Iterator[Metric]:  # noqa: D102
        counters = (
            (
                "bizlm_rows_written",
                "Predictions, feedback, events written",
                self._writer.written,
            ),
            ("bizlm_rows_spooled", "Rows that wait in a file", self._writer.spooled),
            ("bizlm_rows_lost", "Rows that nothing could take", self._writer.lost),
        )
        for name, meaning, value in counters:
            yield CounterMetricFamily(name, meaning, value=value)
