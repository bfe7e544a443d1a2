"""HTTP routes: alerts and what people do about them, scoring, records, and the page."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from apps.finance_monitor.alerts import operations
from apps.finance_monitor.alerts.operations import Case, SetAside, Silence, Verdict
from apps.finance_monitor.alerts.server import add_casework
from apps.finance_monitor.explaining.server import StoryExplainer, add_explanations
from apps.finance_monitor.incoming.server import add_stories
from apps.finance_monitor.learning.drift import watched
from apps.finance_monitor.learning.server import add_feedback
from apps.finance_monitor.options_cli import APPLICATION, TITLE
from apps.finance_monitor.schema import FIGURES, FeedRecord, ScoredRecord
from apps.finance_monitor.search.server import add_search, list_named
from apps.finance_monitor.trends.server import add_trends
from apps.finance_monitor.watch.metrics import WatchMetrics
from apps.finance_monitor.watch.service import MonitorService
from apps.finance_monitor.watchlists.watchlist import seen_by
from common.learning.behind import KEEP_SECONDS
from common.models.prediction import TOKENS_PER_BATCH
from common.rules.live import RuleMetrics
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.beside import running_beside, watching
from common.serving.disconnect import until_disconnected
from common.serving.keys.live import ApiKeys
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.feedback import add_feedback_routes, collect_feedback
from common.serving.learning.process import learning_process
from common.serving.learning.releases import add_releases
from common.serving.learning.schedule import Schedule
from common.serving.problems import problem
from common.serving.telemetry import Telemetry
from common.storage.audit_log import KEEP_SECONDS as KEEP_AUDIT_SECONDS
from common.storage.audit_log import AuditLog
from common.storage.database import DATABASE

logger = logging.getLogger(__name__)

WEB = Path(__file__).parent / "web"
MAX_BODY_BYTES = 4 * 1024 * 1024
QUEUE_BOUND = 512
MOST_ALERTS = 1000
MOST_RECORDS = 256
# How soon a page sees what is new, and how often it hears that the server is there.
LOOK_SECONDS, BEAT_SECONDS = 0.5, 15.0


class Records(BaseModel):
    """Body of `POST /v1/score` and `POST /v1/records`."""

    model_config = ConfigDict(extra="forbid")

    records: Annotated[list[FeedRecord], Field(min_length=1, max_length=MOST_RECORDS)]


class Scored(BaseModel):
    """Reply of `POST /v1/score`, in the order of the request."""

    release_id: str
    records: list[ScoredRecord]


class Accepted(BaseModel):
    """Reply of `POST /v1/records`: kept on disk, read in turn; a known id counts once."""

    accepted: int


class Alerts(BaseModel):
    """Alerts, the latest first, the silences that last, and what a receiver refused for good."""

    alerts: list[Case]
    silences: list[Silence]
    set_aside: list[SetAside]
    verdicts: dict[Verdict, int]


def build_app(
    service: MonitorService,
    *,
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
    database: str | Path | None = None,
    trusted_keys: Collection[str] = (),
    keep_seconds: float = KEEP_SECONDS,
    keep_audit_seconds: float = KEEP_AUDIT_SECONDS,
    schedule: Schedule | None = None,
    stories_secret: str | None = None,
) -> FastAPI:
    """The monitor's server; `app.state.stop` ends the streams that pages listen to.

    Args:
        database: where feedback is kept; None: in the store.
        trusted_keys: names of keys whose corrections count alone.
        keep_seconds: how long feedback that is done with is kept.
        keep_audit_seconds: how long it is kept who changed what.
        schedule: when to learn, and promote what passes the gate; None: never.
        stories_secret: by which stories that are sent must be signed; None: they need not be.
    """
    telemetry = Telemetry()
    batcher: Batcher[FeedRecord, ScoredRecord] = Batcher(
        lambda records: service.live.current.score(
            records,
            [service.companies_in(record) for record in records],
        ),
        cost=lambda record: len(record.content) + 2,
        budget=TOKENS_PER_BATCH,
        queue_bound=QUEUE_BOUND,
    )
    telemetry.watch("score", batcher)
    explainer = StoryExplainer(service)
    telemetry.watch("explanations", explainer.batcher)
    telemetry.registry.register(WatchMetrics(service.watch.counters))
    if service.rules:
        telemetry.registry.register(RuleMetrics(service.rules))
    registry = service.registry
    place = database or registry.root.parent / DATABASE
    collector = collect_feedback(
        registry,
        APPLICATION,
        database=place,
        keep_seconds=keep_seconds,
        trusted_keys=trusted_keys,
        has_keys=api_keys is not None,
        learner=learning_process(registry, APPLICATION, place, schedule),
    )
    drift = DriftMonitor(
        service.live,
        partial(watched, registry, service.watch.store),
        collector.drifted,
        of="stories",
        root=registry.root,
    )
    telemetry.registry.register(DriftMetrics(drift))
    stopping = asyncio.Event()

    app = create_app(
        title=TITLE,
        version="1",
        description="Watches news as it arrives and raises an alert when negative news surges.",
        is_ready=lambda: _is_ready(service),
        lifespan=running_beside(
            [*watching(service.rules), drift.periodic, service, collector],
            [batcher, explainer.batcher],
        ),
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
        audit=AuditLog(collector.store.database, APPLICATION, keep_seconds=keep_audit_seconds),
    )
    app.state.stop = stopping.set
    for trouble in service.watch.store.trouble:
        app.add_exception_handler(trouble, _unanswered)
    _add_reading(app, service, stopping)
    add_trends(app, service)
    add_search(app, service)
    add_casework(app, service.watch.store, service.touch)
    _add_records(app, service, batcher)
    add_stories(app, service, stories_secret)
    add_explanations(app, service, explainer)
    add_feedback(app, service, collector)
    add_feedback_routes(app, collector, telemetry)
    add_releases(app, registry, collector.speakers, FIGURES, drift)
    return app


async def _unanswered(_request: Request, error: Exception) -> Response:
    logger.warning("the monitor's database does not answer: %s", error)
    return problem(503, "The monitor's database does not answer.")


def _is_ready(service: MonitorService) -> tuple[bool, dict[str, Any]]:
    reasons: dict[str, Any] = {"release_id": service.live.release_id}
    if service.live.refused:
        reasons["refused_release"] = service.live.refused
    if service.failed:
        reasons["feed"] = service.failed
    if service.rules and service.rules.refused:
        reasons["refused_rules"] = service.rules.refused
    if service.refused_setup:
        reasons["refused_setup"] = service.refused_setup
    return service.failed is None and not service.watch.pace.disk_full, reasons


def _add_reading(app: FastAPI, service: MonitorService, stopping: asyncio.Event) -> None:
    @app.get("/v1/status", tags=["reading"], summary="How the watch is doing")
    def status() -> dict[str, Any]:
        return service.status()

    @app.get("/v1/alerts", tags=["reading"], summary="Alerts, their evidence, and who is on them")
    def alerts(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50, watchlist: str | None = None
    ) -> Alerts:
        store = service.watch.store
        watched = list_named(service, watchlist)
        # What only the budget of a list lets through is shown to those who look at it.
        most = MOST_ALERTS if service.watchlists else limit
        found = [
            case.model_copy(update={"alert": alert})
            for case in operations.cases(store, most)
            if (alert := seen_by(watched, case.alert))
        ]
        return Alerts(
            alerts=found[:limit],
            silences=operations.silences(store),
            set_aside=operations.set_aside(store, limit),
            verdicts=operations.verdicts(store),
        )

    @app.get(
        "/v1/events",
        tags=["reading"],
        summary="A `changed` event with the status, whenever there is something new",
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events(request: Request) -> Response:
        return EventSourceResponse(_changes(service, request, stopping))


async def _changes(
    service: MonitorService, request: Request, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    sent, quiet = -1, 0.0
    while not stopping.is_set() and not await request.is_disconnected():
        if service.version != sent or quiet >= BEAT_SECONDS:
            sent, quiet = service.version, 0.0
            yield format_sse_event(data_str=json.dumps(service.status()), event="changed")
        quiet += LOOK_SECONDS
        try:
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
        except TimeoutError:
            continue


def _add_records(
    app: FastAPI, service: MonitorService, batcher: Batcher[FeedRecord, ScoredRecord]
) -> None:
    @app.post("/v1/score", tags=["records"], summary="Label records; nothing is kept")
    async def score(asked: Records, request: Request) -> Scored:
        async def all_of_them() -> list[ScoredRecord]:
            return list(await asyncio.gather(*(batcher.submit(one) for one in asked.records)))

        scored = await until_disconnected(request, all_of_them())
        return Scored(release_id=scored[0].release_id, records=scored)

    @app.post("/v1/records", status_code=202, tags=["records"], summary="Push news to be watched")
    def records(asked: Records) -> Accepted:
        if not service.takes_records:
            raise HTTPException(409, "This server follows a feed of its own.")
        try:
            service.post(asked.records)
        except OSError as error:
            raise HTTPException(507, f"The records could not be kept: {error.strerror}.") from error
        return Accepted(accepted=len(asked.records))
