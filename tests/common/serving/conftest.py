"""Applications under test, asked in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.serving.app import create_app
from common.serving.keys.scopes import NEEDS, Need
from common.serving.telemetry import Telemetry


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


class Unlisted(dict[str, Need]):
    """What a test's own routes need: nothing."""

    def __contains__(self, _route: object) -> bool:
        return True

    def __missing__(self, _route: str) -> Need:
        return "nothing"


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
            "needs": Unlisted(NEEDS),
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
