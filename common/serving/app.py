"""The application every server starts from: health, metrics, errors, keys, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.types import Lifespan

from common.serving.auditing.recording import RecordChanges, record_keys
from common.serving.auditing.server import add_audit
from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import NEEDS, Need, routes_without_need
from common.serving.keys.server import add_access
from common.serving.middleware.auth import RequireKey
from common.serving.middleware.browser import JsonPosts, KnownHosts, SecurityHeaders
from common.serving.middleware.limits import LimitBody
from common.serving.middleware.methods import AnswerHead, AnswerOptions
from common.serving.middleware.rates import LimitRate
from common.serving.page import add_page, paths_of_page
from common.serving.problems import (
    PROBLEM_RESPONSES,
    AnswerUnexpected,
    add_problem_handlers,
    problem,
)
from common.serving.switching.following import Following
from common.serving.telemetry import RecordRequests, Telemetry
from common.serving.visitors import Visitors
from common.storage.audit_log import AuditLog
from common.storage.visits import Visits

IsReady = Callable[[], tuple[bool, dict[str, Any]]]


def create_app(
    *,
    title: str,
    version: str,
    description: str,
    is_ready: IsReady,
    lifespan: Lifespan[FastAPI],
    telemetry: Telemetry,
    max_body_bytes: int,
    max_body_bytes_by_path: Mapping[str, int] | None = None,
    api_keys: ApiKeys | None = None,
    web: Path | None = None,
    known_hosts: Collection[str] | None = None,
    visitors: Visitors | None = None,
    visits: Visits | None = None,
    needs: Mapping[str, Need] = NEEDS,
    audit: AuditLog | None = None,
) -> FastAPI:
    """An application with `/healthz`, `/readyz`, `/metrics`, `/openapi.json`, to add routes to.

    It does not start with a route that `needs` does not name. `app.state.follow` takes what
    follows the releases of all machines, before it starts.

    `is_ready` gives its verdict with the reasons, which `/readyz` shows to anybody.
    With `web`, the folder of a page, that page is there too.
    With `api_keys`, every path needs a key but the probes, the page's and what `visitors` may ask.
    With `visits`, how often visitors ask is counted together with other processes.
    With `audit`, who changes something by a request, or the file of keys, is written down there.
    With `known_hosts`, requests addressed to another name are refused.
    """
    # Outermost first: each stage sees, and for the first three completes, what those below answer.
    middleware = [
        Middleware(RecordRequests, telemetry=telemetry),
        Middleware(SecurityHeaders),
        Middleware(AnswerUnexpected),
    ]
    if known_hosts is not None:
        middleware.append(Middleware(KnownHosts, names=known_hosts))
    if api_keys is not None:
        public_paths = paths_of_page(web) if web else ()
        middleware.append(
            Middleware(
                RequireKey,
                keys=api_keys,
                public_paths=public_paths,
                needs=needs,
                visitors=visitors,
            )
        )
    if visitors is not None:
        middleware.append(Middleware(LimitRate, visitors=visitors, visits=visits))
    if audit is not None:
        middleware.append(Middleware(RecordChanges, log=audit))
    middleware += [
        Middleware(AnswerOptions),
        Middleware(AnswerHead),
        Middleware(JsonPosts),
        Middleware(LimitBody, most_bytes=max_body_bytes, by_path=max_body_bytes_by_path),
    ]
    beside: list[Following] = []
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        lifespan=_checked(lifespan, needs, beside),
        middleware=middleware,
        responses=PROBLEM_RESPONSES,
        # These pages load their scripts from another host.
        docs_url=None,
        redoc_url=None,
    )
    app.state.telemetry = telemetry

    def follow(following: Following) -> None:
        telemetry.registry.register(following)
        beside.append(following)

    app.state.follow = follow
    add_problem_handlers(app)
    _add_operations(app, is_ready, telemetry, api_keys, beside)
    add_access(app, has_keys=api_keys is not None)
    if audit is not None:
        add_audit(app, audit, has_keys=api_keys is not None)
        if api_keys is not None:
            api_keys.on_change(partial(record_keys, audit))
    if web:
        add_page(app, web)
    return app


def _checked(
    lifespan: Lifespan[FastAPI], needs: Mapping[str, Need], beside: Sequence[Following]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def checked(app: FastAPI) -> AsyncIterator[None]:
        if unknown := routes_without_need(app.routes, needs):
            raise RuntimeError(f"nobody says who may ask this: {', '.join(unknown)}")
        async with lifespan(app):
            for one in beside:
                one.start()
            yield
            for one in beside:
                await asyncio.to_thread(one.stop)

    return checked


def _add_operations(
    app: FastAPI,
    is_ready: IsReady,
    telemetry: Telemetry,
    api_keys: ApiKeys | None,
    beside: Sequence[Following],
) -> None:
    @app.get("/healthz", tags=["operations"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive", "server": app.title}

    # In threads: what they tell may stand in files and in the database.
    @app.get("/readyz", tags=["operations"], summary="Whether it can answer now")
    def readyz() -> Response:
        ready, reasons = is_ready()
        if api_keys and api_keys.trouble:
            reasons = {**reasons, "refused_keys": api_keys.trouble}
        for one in beside:
            reasons = {**reasons, **one.reasons}
        if not ready:
            return problem(503, "The server is not ready.", reasons=reasons)
        return JSONResponse({"status": "ready", "reasons": reasons})

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)
