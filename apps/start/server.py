"""The start page: what is here, which releases serve, and the way to each application."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from fastapi import FastAPI, Request
from pydantic import BaseModel

from apps.start.applications import Application, Serving, serving
from common.errors import UserError
from common.serving.app import create_app
from common.serving.keys.live import ApiKeys
from common.serving.run import HERE
from common.serving.telemetry import Telemetry

WEB = Path(__file__).parent / "web"
LONGEST_BODY = 1 << 10
CONNECT_SECONDS = 0.5
State = Literal["ready", "starting", "ended"]


class Entry(BaseModel):
    """One application, as it stands now."""

    name: str
    url: str
    state: State
    release_id: str | None = None
    metric: str
    before: float | None = None
    after: float | None = None


class Overview(BaseModel):
    """All applications."""

    applications: list[Entry]


def build_app(
    apps: Sequence[Application],
    processes: Sequence[subprocess.Popen[bytes]],
    store: Path,
    listening: str,
    *,
    api_keys: ApiKeys | None = None,
    known_hosts: Collection[str] | None = None,
) -> FastAPI:
    """The start page over the servers in `processes`, one for each of `apps`, on `listening`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(
        title="bizlm",
        version="1",
        description="What is here, and which releases serve.",
        is_ready=lambda: (True, {}),
        lifespan=lifespan,
        telemetry=Telemetry(),
        max_body_bytes=LONGEST_BODY,
        api_keys=api_keys,
        known_hosts=known_hosts,
        web=WEB,
    )

    @app.get("/v1/applications", tags=["start"], summary="Applications and their releases")
    async def overview(request: Request) -> Overview:
        host = request.url.hostname or "127.0.0.1"
        ready = await asyncio.gather(*(_is_ready(listening, a.port) for a in apps))
        found = await asyncio.to_thread(_releases, apps, store)
        return Overview(
            applications=[
                Entry(
                    name=application.name,
                    url=f"{request.url.scheme}://{_bracketed(host)}:{application.port}/",
                    state=_state(process, is_ready),
                    metric=application.metric,
                    **vars(release),
                )
                for application, process, is_ready, release in zip(
                    apps, processes, ready, found, strict=True
                )
            ]
        )

    return app


def _state(process: subprocess.Popen[bytes], is_ready: bool) -> State:
    if process.poll() is not None:
        return "ended"
    return "ready" if is_ready else "starting"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _is_ready(host: str, port: int) -> bool:
    """Whether it answers `/readyz`: the port alone is taken before anything is loaded."""
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(HERE.get(host, host), port), CONNECT_SECONDS
        )
        asked = f"GET /readyz HTTP/1.1\r\nHost: {_bracketed(host)}\r\nConnection: close\r\n\r\n"
        writer.write(asked.encode())
        status = await asyncio.wait_for(reader.readline(), CONNECT_SECONDS)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


def _releases(apps: Sequence[Application], store: Path) -> list[Serving]:
    found = []
    for application in apps:
        try:
            found.append(serving(application, store))
        except UserError:
            found.append(Serving(None))
    return found
