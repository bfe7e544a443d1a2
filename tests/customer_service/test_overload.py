"""The application's own server under more questions than it can take, and without their askers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sample import Demo

from apps.customer_service.answers import server
from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.server import build_app
from common.releases.registry import Registry

Eventually = Callable[[Callable[[], bool]], None]
BOUND = 3


class Model:
    """The release's own model, held up until the gate opens."""

    def __init__(self, understand: Callable[[Answerer, list[str]], list[Understood]]) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []
        self._understand = understand

    def compute(self, answerer: Answerer, questions: list[str]) -> list[Understood]:
        self.asked += questions
        assert self.gate.wait(20)
        return self._understand(answerer, questions)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    held = Model(Answerer.understand)

    def understand(answerer: Answerer, questions: list[str]) -> list[Understood]:
        return held.compute(answerer, questions)

    monkeypatch.setattr(Answerer, "understand", understand)
    yield held
    held.gate.set()


@pytest.fixture
def app(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(server, "QUEUE_BOUND", BOUND)
    return build_app(Registry(demo.store, "customer_service"), device="cpu")


def _waiting(address: str) -> float:
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("bizlm_queue_length{"))


def _ask(address: str, question: str) -> httpx.Response:
    return httpx.post(f"{address}/v1/answers", json={"question": question}, timeout=60)


def test_beyond_the_queue_it_says_when_to_come_back_and_answers_what_it_took(
    app: FastAPI, model: Model, served: Callable[..., Any], eventually: Eventually
) -> None:
    with served(app) as address, ThreadPoolExecutor(BOUND + 1) as pool:
        taken = [pool.submit(_ask, address, "first")]
        eventually(lambda: model.asked == ["first"])
        taken += [pool.submit(_ask, address, f"question {n}") for n in range(BOUND)]
        eventually(lambda: _waiting(address) == BOUND)
        refused = _ask(address, "one too many")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-type"] == "application/problem+json"
        model.gate.set()
        assert [reply.result().status_code for reply in taken] == [200] * (BOUND + 1)
        assert _ask(address, "one too many").status_code == 200


def test_a_question_whose_asker_hung_up_is_never_computed(
    app: FastAPI, model: Model, served: Callable[..., Any], eventually: Eventually
) -> None:
    with served(app) as address, ThreadPoolExecutor(1) as pool:
        first = pool.submit(_ask, address, "first")
        eventually(lambda: model.asked == ["first"])
        with _half_asked(address, "gone"):
            eventually(lambda: _waiting(address) == 1)
        eventually(lambda: _waiting(address) == 0)
        model.gate.set()
        assert first.result().status_code == 200
        assert _ask(address, "later").status_code == 200
    assert model.asked == ["first", "later"]


def test_a_server_told_to_stop_answers_what_it_took(
    app: FastAPI, model: Model, served: Callable[..., Any], eventually: Eventually
) -> None:
    with ThreadPoolExecutor(2) as pool:
        with served(app) as address:
            first = pool.submit(_ask, address, "first")
            eventually(lambda: model.asked == ["first"])
            second = pool.submit(_ask, address, "second")
            eventually(lambda: _waiting(address) == 1)
            threading.Timer(0.2, model.gate.set).start()
        assert [first.result().status_code, second.result().status_code] == [200, 200]


def _half_asked(address: str, question: str) -> socket.socket:
    """A connection that has sent its question and not read the answer."""
    parts = urlsplit(address)
    body = json.dumps({"question": question}).encode()
    head = (
        f"POST /v1/answers HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.sendall(head.encode() + body)
    return connection
