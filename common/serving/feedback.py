"""What people say, over HTTP: who said it, the rows to decide on, and learning set off by them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from common.learning.behind import KEEP_SECONDS, BehindWriter
from common.learning.schema import Feedback, Prediction, Status
from common.learning.sources import hashed
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.serving.learning import LearningProcess
from common.serving.telemetry import Telemetry
from common.storage.database import DATABASE, Database, DatabaseTroubleError

MOST_ROWS = 500
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
NOT_TRUSTED = (
    "Only whose key is trusted may see and decide what others said: serve with --trust NAME."
)


@dataclass(frozen=True)
class Speaker:
    """Who is speaking, hashed; `subject` is the user that the caller speaks for."""

    source: str
    subject: str | None
    trusted: bool


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

    ids: Annotated[list[str], Field(min_length=1, max_length=MOST_ROWS)]
    status: Literal["accepted", "rejected", "new"]


class Decided(BaseModel):
    """How many rows changed."""

    changed: int


class FeedbackCollector:
    """Takes predictions and feedback, and knows who may decide.

    Where the server has no keys, whoever sits at this very machine is trusted.

    Args:
        root: the application's directory.
        trusted_keys: names of keys whose word alone counts.
        learner: what learns after each trusted correction, if anything does.
    """

    def __init__(
        self,
        writer: BehindWriter[FeedbackStore],
        root: Path,
        *,
        trusted_keys: Collection[str] = (),
        has_keys: bool = False,
        learner: LearningProcess | None = None,
    ) -> None:
        self.writer = writer
        self.store = writer.store
        self._root = root
        self._trusted_keys = frozenset(trusted_keys)
        self._has_keys = has_keys
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

    def speaker(self, request: Request, user: str | None) -> Speaker:
        """Who sent `request`, for which of its own users."""
        key, host, name = _who(request)
        here = not self._has_keys and _is_this_machine(host, request)
        return Speaker(
            source=hashed(self._root, f"{name} user {user}" if user else name),
            subject=hashed(self._root, user) if user else None,
            trusted=key in self._trusted_keys if key else here,
        )

    async def prediction(self, identity: str) -> Prediction | None:
        """A prediction that is kept, or waits to be; None where the database is down, too."""
        return await asyncio.to_thread(self._prediction, identity)

    def _prediction(self, identity: str) -> Prediction | None:
        self.writer.flush()
        try:
            return self.store.prediction(identity)
        except DatabaseTroubleError:
            return None

    async def add(self, row: Feedback) -> None:
        """Keep a row: in the database, or where that is down, in the spool beside it."""
        await asyncio.to_thread(self.writer.write, row)
        if self.learner and self.learns_from(row):
            self.learner.request()

    def learns_from(self, row: Feedback) -> bool:
        """Whether a row is learned from at once."""
        return self.learner is not None and row.trusted and row.kind == "correction"


def collect_feedback(
    registry: Registry,
    application: str,
    *,
    database: str | Path | None = None,
    keep_seconds: float = KEEP_SECONDS,
    **access: Any,
) -> FeedbackCollector:
    """What collects for an application.

    Args:
        database: where rows are kept; None: in the store.
        keep_seconds: how long predictions are kept, and feedback that is done with.
        access: see `FeedbackCollector`.
    """
    store = FeedbackStore(Database(database or registry.root.parent / DATABASE), application)
    spool = registry.root / "feedback.spool"
    writer = BehindWriter(store, spool, keep_seconds=keep_seconds)
    return FeedbackCollector(writer, registry.root, **access)


def source_of(request: Request, root: Path) -> str:
    """Who sent `request`, hashed.

    Args:
        root: the application's directory.
    """
    return hashed(root, _who(request)[2])


def _who(request: Request) -> tuple[str | None, str, str]:
    """Its key's name, its address, and the name it goes by."""
    key: str | None = getattr(request.state, "api_key_name", None)
    host = request.client.host if request.client else ""
    return key, host, f"key {key}" if key else f"address {host}"


def _is_this_machine(host: str, request: Request) -> bool:
    # Behind a proxy everybody comes from here.
    if any(name in request.headers for name in FORWARDED):
        return False
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def add_feedback_routes(app: FastAPI, collector: FeedbackCollector, telemetry: Telemetry) -> None:
    """Add `GET /v1/feedback` and `POST /v1/feedback/decisions`, for those who are trusted."""
    telemetry.registry.register(WriterMetrics(collector.writer))

    def require_trust(request: Request) -> Speaker:
        speaker = collector.speaker(request, None)
        if not speaker.trusted:
            raise HTTPException(403, NOT_TRUSTED)
        return speaker

    @app.get("/v1/feedback", tags=["feedback"], summary="What people said")
    async def list_feedback(
        request: Request,
        status: Annotated[Status | None, Query()] = None,
        kind: Annotated[Literal["good", "bad", "correction"] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> FeedbackRows:
        require_trust(request)
        store = collector.store
        with _or_unavailable():
            rows = await asyncio.to_thread(store.feedback, status=status, kind=kind, limit=limit)
            counts = await asyncio.to_thread(store.counts, kind)
        learning = collector.learner.state if collector.learner else "off"
        found = [FeedbackRow.model_validate(row) for row in rows]
        return FeedbackRows(rows=found, counts=counts, learning=learning)

    @app.post("/v1/feedback/decisions", tags=["feedback"], summary="Accept, reject, or undo it")
    async def decide(decision: Decision, request: Request) -> Decided:
        speaker = require_trust(request)
        by = None if decision.status == "new" else speaker.source
        decide_all = collector.store.decide
        with _or_unavailable():
            changed = await asyncio.to_thread(decide_all, decision.ids, decision.status, by)
        if collector.learner and changed and decision.status == "accepted":
            collector.learner.request()
        return Decided(changed=changed)


@contextmanager
def _or_unavailable() -> Iterator[None]:
    try:
        yield
    except DatabaseTroubleError:
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
