"""The application every server starts from: health, metrics, errors, keys, limits."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.types import Lifespan

from common.serving.api_keys import ApiKeys
from common.serving.middleware.auth import RequireKey
from common.serving.middleware.browser import JsonPosts, KnownHosts, SecurityHeaders
from common.serving.middleware.limits import LimitBody
from common.serving.middleware.methods import AnswerHead, AnswerOptions
from common.serving.page import add_page, paths_of_page
from common.serving.problems import (
    PROBLEM_RESPONSES,
    AnswerUnexpected,
    add_problem_handlers,
    problem,
)
from common.serving.telemetry import RecordRequests, Telemetry

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
    api_keys: ApiKeys | None = None,
    web: Path | None = None,
    known_hosts: Collection[str] | None = None,
) -> FastAPI:
    """An application with `/healthz`, `/readyz`, `/metrics`, `/openapi.json`, to add routes to.

    `is_ready` gives its verdict with the reasons, which `/readyz` shows to anybody.
    With `web`, the folder of a page, that page is there too.
    With `api_keys`, every path needs a key but the probes and the page's.
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
        middleware.append(Middleware(RequireKey, keys=api_keys, public_paths=public_paths))
    middleware += [
        Middleware(AnswerOptions),
        Middleware(AnswerHead),
        Middleware(JsonPosts),
        Middleware(LimitBody, most_bytes=max_body_bytes),
    ]
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        lifespan=lifespan,
        middleware=middleware,
        responses=PROBLEM_RESPONSES,
        # These pages load their scripts from another host.
        docs_url=None,
        redoc_url=None,
    )
    add_problem_handlers(app)
    _add_operations(app, is_ready, telemetry)
    if web:
        add_page(app, web)
    return app


def _add_operations(app: FastAPI, is_ready: IsReady, telemetry: Telemetry) -> None:
    @app.get("/healthz", tags=["operations"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operations"], summary="Whether it can answer now")
    async def readyz() -> Response:
        ready, reasons = is_ready()
        if not ready:
            return problem(503, "The server is not ready.", reasons=reasons)
        return JSONResponse({"status": "ready", "reasons": reasons})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)
