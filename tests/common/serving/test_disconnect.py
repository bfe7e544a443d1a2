"""A client that hangs up stops costing anything."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from common.serving.batching import Batcher
from common.serving.disconnect import ClientGoneError, until_disconnected
from common.serving.telemetry import Telemetry

Eventually = Callable[[Callable[[], bool]], None]


class Question(BaseModel):
    question: str


@contextmanager
def half_asked(address: str, path: str, body: bytes) -> Any:
    """A connection that has sent its request and not read the answer."""
    parts = urlsplit(address)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def count(telemetry: Telemetry, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value("bizlm_http_requests_total", labels)


def test_a_question_whose_client_hung_up_is_never_computed(
    new_app: Callable[..., FastAPI], served: Callable[..., Any], eventually: Eventually
) -> None:
    gate = threading.Event()
    computed: list[str] = []

    def model(items: list[str]) -> list[str]:
        computed.extend(items)
        gate.wait(20)
        return items

    batcher: Batcher[str, str] = Batcher(model, cost=len, budget=100, queue_bound=10)
    telemetry = Telemetry()
    app = new_app(telemetry=telemetry)

    @app.post("/ask")
    async def answer(request: Request, asked: Question) -> str:
        return await until_disconnected(request, batcher.submit(asked.question))

    with served(app) as address, half_asked(address, "/ask", b'{"question": "first"}') as first:
        eventually(lambda: computed == ["first"])
        with half_asked(address, "/ask", b'{"question": "gone"}'):
            eventually(lambda: batcher.waiting == 1)
        eventually(lambda: batcher.waiting == 0)
        eventually(lambda: count(telemetry, route="/ask", method="POST", status="499") == 1)
        gate.set()
        assert first.makefile("rb").read().endswith(b'\r\n\r\n"first"')
        later = httpx.post(f"{address}/ask", json={"question": "later"})
    assert later.json() == "later"
    assert computed == ["first", "later"]


def test_a_stream_whose_client_hung_up_ends_and_is_recorded(
    new_app: Callable[..., FastAPI], served: Callable[..., Any], eventually: Eventually
) -> None:
    telemetry = Telemetry()
    app = new_app(telemetry=telemetry)
    ended = threading.Event()

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        async def words() -> Any:
            try:
                yield "one "
                await asyncio.Event().wait()
            finally:
                ended.set()

        return StreamingResponse(words())

    with served(app) as address:
        with half_asked(address, "/stream", b"{}") as connection:
            connection.recv(1)
        eventually(ended.is_set)
        eventually(lambda: count(telemetry, route="/stream", method="POST", status="499") == 1)


class Listening:
    """A client's side of a request, as a server shows it to an application."""

    def __init__(self) -> None:
        self.hung_up = asyncio.Event()
        self.body_told = False

    async def receive(self) -> dict[str, Any]:
        if not self.body_told:
            self.body_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    @property
    def request(self) -> Request:
        return Request({"type": "http"}, self.receive)


def test_the_result_comes_through() -> None:
    async def work() -> int:
        for _ in range(10):
            await asyncio.sleep(0)
        return 7

    async def test() -> None:
        assert await until_disconnected(Listening().request, work()) == 7
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(test())


def test_the_works_own_error_comes_through() -> None:
    async def work() -> int:
        raise LookupError("own")

    async def test() -> None:
        with pytest.raises(LookupError, match="own"):
            await until_disconnected(Listening().request, work())

    asyncio.run(test())


def test_hanging_up_cancels_the_work_before_it_is_reported() -> None:
    cleaned_up = False

    async def test() -> None:
        listening = Listening()

        async def work() -> None:
            nonlocal cleaned_up
            try:
                listening.hung_up.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned_up = True

        with pytest.raises(ClientGoneError):
            await until_disconnected(listening.request, work())
        assert cleaned_up

    asyncio.run(test())


def test_cancelling_the_route_cancels_the_work() -> None:
    async def test() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            begun.set()
            await asyncio.Event().wait()

        route = asyncio.create_task(until_disconnected(Listening().request, work()))
        await begun.wait()
        route.cancel()
        await asyncio.wait([route])
        assert route.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(test())
