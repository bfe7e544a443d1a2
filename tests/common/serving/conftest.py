"""Applications under test, asked in process or over a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from common.serving.app import create_app
from common.serving.telemetry import Telemetry

PATIENCE_SECONDS = 20.0


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
def new_app() -> Callable[..., FastAPI]:
    def make(**settings: Any) -> FastAPI:
        defaults: dict[str, Any] = {
            "title": "test",
            "version": "1",
            "description": "",
            "is_ready": lambda: (True, {}),
            "lifespan": no_lifespan,
            "telemetry": Telemetry(),
            "max_body_bytes": 1000,
        }
        return create_app(**defaults | settings)

    return make


@pytest.fixture
def ask() -> Callable[..., httpx.Response]:
    """Send one request to an application in this process."""

    def send(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **request)

        return asyncio.run(one())

    return send


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait for another thread to bring a state about."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came about"
            time.sleep(0.005)

    return wait


@pytest.fixture
def served(eventually: Callable[[Callable[[], bool]], None]) -> Callable[..., Any]:
    """Run an application on a free loopback port for the length of a `with` block."""

    @contextmanager
    def run(app: FastAPI) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            server = uvicorn.Server(
                uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5)
            )
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            eventually(lambda: server.started or not thread.is_alive())
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.should_exit = True
                thread.join()

    return run
