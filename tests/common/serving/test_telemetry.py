"""What operators can see, and what they cannot."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from common.serving.keys.live import ApiKeys
from common.serving.keys.writing import add_key
from common.serving.logs import JsonLines
from common.serving.telemetry import Telemetry

Ask = Callable[..., httpx.Response]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def app(new_app: Callable[..., FastAPI], telemetry: Telemetry) -> FastAPI:
    app = new_app(telemetry=telemetry)
    router = APIRouter()

    @router.get("/answers/{number}")
    async def answer(number: int) -> float:
        in_flight = telemetry.registry.get_sample_value("bizlm_http_in_flight")
        assert in_flight is not None
        return in_flight if number else 1 / 0

    app.include_router(router, prefix="/v1")
    return app


def requests(telemetry: Telemetry, route: str, method: str, status: int) -> float | None:
    labels = {"route": route, "method": method, "status": str(status)}
    counted = telemetry.registry.get_sample_value("bizlm_http_requests_total", labels)
    timed = telemetry.registry.get_sample_value("bizlm_http_request_seconds_count", labels)
    assert counted == timed
    return counted


def test_requests_count_by_their_route_and_not_by_their_path(
    app: FastAPI, ask: Ask, telemetry: Telemetry
) -> None:
    for path in ("/v1/answers/1", "/v1/answers/2", "/v1/answers/word", "/v1/answers/0", "/else"):
        ask(app, "GET", path)
    assert requests(telemetry, "/v1/answers/{number}", "GET", 200) == 2
    assert requests(telemetry, "/v1/answers/{number}", "GET", 422) == 1
    assert requests(telemetry, "/v1/answers/{number}", "GET", 500) == 1
    assert requests(telemetry, "unrouted", "GET", 404) == 1


def test_an_invented_method_makes_no_label(app: FastAPI, ask: Ask, telemetry: Telemetry) -> None:
    ask(app, "INVENTED", "/else")
    assert requests(telemetry, "unrouted", "other", 404) == 1


def test_requests_in_flight_are_counted_while_they_are(
    app: FastAPI, ask: Ask, telemetry: Telemetry
) -> None:
    assert ask(app, "GET", "/v1/answers/1").json() == 1
    assert telemetry.registry.get_sample_value("bizlm_http_in_flight") == 0


def test_a_queue_shows_its_state_at_the_time_of_asking(
    app: FastAPI, ask: Ask, telemetry: Telemetry
) -> None:
    class Queue:
        waiting, last_batch_size, rejected = 3, 8, 2

    queue = Queue()
    telemetry.watch("answers", queue)
    queue.waiting = 4
    response = ask(app, "GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = response.text.splitlines()
    assert 'bizlm_queue_length{queue="answers"} 4.0' in lines
    assert 'bizlm_batch_size{queue="answers"} 8.0' in lines
    assert 'bizlm_rejected_total{queue="answers"} 2.0' in lines


def test_two_applications_in_a_process_count_apart(
    new_app: Callable[..., FastAPI], ask: Ask
) -> None:
    one, two = Telemetry(), Telemetry()
    new_app(telemetry=two)
    ask(new_app(telemetry=one), "GET", "/healthz")
    assert requests(one, "/healthz", "GET", 200) == 1
    assert requests(two, "/healthz", "GET", 200) is None


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    records = [record for record in caplog.records if record.getMessage() == "request"]
    return [json.loads(JsonLines().format(record)) for record in records]


def test_a_request_is_one_line_without_what_it_asked(
    app: FastAPI, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ask(app, "GET", "/v1/answers/7?q=private")
    [line] = logged(caplog)
    assert (line["route"], line["method"], line["status"]) == ("/v1/answers/{number}", "GET", 200)
    assert line["milliseconds"] >= 0
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert "private" not in json.dumps(line)


def test_the_line_names_the_key_that_was_used(
    new_app: Callable[..., FastAPI], ask: Ask, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    key = add_key(tmp_path / "keys", "shop")
    app = new_app(api_keys=ApiKeys.load(tmp_path / "keys"))
    ask(app, "GET", "/metrics", headers={"X-API-Key": key})
    [line] = logged(caplog)
    assert line["api_key_name"] == "shop"
    assert key not in json.dumps(line)


def test_a_traceback_stays_on_its_line() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        error = sys.exc_info()
    record = logging.LogRecord("here", logging.ERROR, "", 0, "broke %s", ("twice",), error)
    text = JsonLines().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("error", "here", "broke twice")
    assert "ZeroDivisionError" in line["traceback"]
