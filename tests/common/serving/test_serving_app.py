"""What every server offers, and what a page from elsewhere cannot do to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel

from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected
from common.serving.run import known_hosts
from common.serving.telemetry import Telemetry

Ask = Callable[..., httpx.Response]


def test_it_is_alive_before_it_is_ready(new_app: Callable[..., FastAPI], ask: Ask) -> None:
    state = (False, {"release": "none is promoted"})
    app = new_app(is_ready=lambda: state)
    assert ask(app, "GET", "/healthz").json() == {"status": "alive", "server": "test"}
    response = ask(app, "GET", "/readyz")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["reasons"] == {"release": "none is promoted"}
    state = (True, {"release": "3fa2c1"})
    response = ask(app, "GET", "/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "reasons": {"release": "3fa2c1"}}


def test_probes_and_metrics_hold_up_no_other_request(
    new_app: Callable[..., FastAPI], ask: Ask
) -> None:
    """What they tell may stand in a file or in the database, on a disk that is slow."""
    on_loop: list[bool] = []

    class Slow(Collector):
        def collect(self) -> Iterator[Metric]:
            on_loop.append(is_on_loop())
            yield GaugeMetricFamily("slow", "slow", 1.0)

    def is_ready() -> tuple[bool, dict[str, Any]]:
        on_loop.append(is_on_loop())
        return True, {}

    def is_on_loop() -> bool:
        return asyncio._get_running_loop() is not None

    telemetry = Telemetry()
    telemetry.registry.register(Slow())
    on_loop.clear()
    app = new_app(is_ready=is_ready, telemetry=telemetry)
    assert ask(app, "GET", "/readyz").status_code == ask(app, "GET", "/metrics").status_code == 200
    assert on_loop == [False, False]


def test_the_schema_tells_title_and_version(new_app: Callable[..., FastAPI], ask: Ask) -> None:
    app = new_app(title="Answers", version="2.1", description="Answers questions")
    info = ask(app, "GET", "/openapi.json").json()["info"]
    assert info == {"title": "Answers", "version": "2.1", "description": "Answers questions"}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_loads_anything_from_elsewhere(
    new_app: Callable[..., FastAPI], ask: Ask, path: str
) -> None:
    assert ask(new_app(), "GET", path).status_code == 404


def test_every_answer_carries_the_security_headers(
    new_app: Callable[..., FastAPI], ask: Ask
) -> None:
    app = new_app(known_hosts={"test"})
    for response in (
        ask(app, "GET", "/healthz"),
        ask(app, "GET", "/nowhere"),
        ask(app, "GET", "/healthz", headers={"Host": "evil.example"}),
    ):
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "box.lan:8000", "[fd00::1]"],
)
def test_a_loopback_server_answers_to_its_own_names(
    new_app: Callable[..., FastAPI], ask: Ask, host: str
) -> None:
    app = new_app(known_hosts=known_hosts("127.0.0.1", ["box.lan", "[fd00::1]"]))
    assert ask(app, "GET", "/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "localhost@evil.example", "["],
)
def test_a_name_that_was_pointed_here_from_elsewhere_is_refused(
    new_app: Callable[..., FastAPI], ask: Ask, host: str
) -> None:
    app = new_app(known_hosts=known_hosts("127.0.0.1"))
    response = ask(app, "GET", "/healthz", headers={"Host": host})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert "localhost" in response.json()["detail"]
    assert "--allow-host" in response.json()["hint"]


def test_only_a_loopback_address_or_given_names_limit_the_names() -> None:
    assert known_hosts("0.0.0.0") is None
    assert known_hosts("0.0.0.0", ["box.lan"]) == {
        "localhost",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "box.lan",
    }
    assert known_hosts("localhost") == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_post_that_a_foreign_page_could_send_is_refused(
    new_app: Callable[..., FastAPI], ask: Ask, content_type: str | None
) -> None:
    app = new_app()
    done: list[bool] = []

    @app.post("/do")
    async def do() -> None:
        done.append(True)

    headers = {"Content-Type": content_type} if content_type else {}
    assert ask(app, "POST", "/do", headers=headers).status_code == 415
    assert not done
    json = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert ask(app, "POST", "/do", headers=json).status_code == 200
    assert done


class Question(BaseModel):
    question: str


def test_a_full_queue_answers_429_and_serves_those_it_took(
    new_app: Callable[..., FastAPI],
    served: Callable[..., Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    gate, started = threading.Event(), threading.Event()

    def model(items: list[str]) -> list[str]:
        started.set()
        gate.wait(20)
        return [item.upper() for item in items]

    batcher: Batcher[str, str] = Batcher(model, cost=len, budget=100, queue_bound=1)
    app = new_app()

    @app.post("/ask")
    async def answer(request: Request, asked: Question) -> str:
        return await until_disconnected(request, batcher.submit(asked.question))

    with served(app) as address, ThreadPoolExecutor() as clients:

        def post(question: str) -> httpx.Response:
            return httpx.post(f"{address}/ask", json={"question": question}, timeout=60)

        running = clients.submit(post, "runs")
        eventually(started.is_set)
        waiting = clients.submit(post, "waits")
        eventually(lambda: batcher.waiting == 1)
        refused = post("refused")
        gate.set()
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert [running.result().json(), waiting.result().json()] == ["RUNS", "WAITS"]
