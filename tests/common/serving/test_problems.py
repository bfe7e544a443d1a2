"""Every error is a problem that tells the client enough and not too much."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from common.errors import RefusedError, UserError
from common.serving.batching import DrainingError, OverloadedError
from common.serving.logs import JsonLines
from common.serving.problems import BrokenAnswerError

Ask = Callable[..., httpx.Response]

WORDS = "what a customer said"


class Question(BaseModel, extra="forbid"):
    question: Annotated[str, Field(max_length=20)]


@pytest.fixture
def app(new_app: Callable[..., FastAPI]) -> FastAPI:
    app = new_app()

    @app.post("/ask")
    async def answer(asked: Question) -> str:
        return asked.question

    return app


def failing(app: FastAPI, error: Exception) -> FastAPI:
    @app.get("/fails")
    async def fails() -> None:
        raise error

    return app


def check(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, object] = response.json()
    assert content["status"] == status
    return content


def test_a_users_mistake_says_how_to_mend_it_and_not_where_files_lie(
    app: FastAPI, ask: Ask
) -> None:
    error = UserError("no such topic", where="/srv/secret/topics.json", hint="Use 'cards'.")
    response = ask(failing(app, error), "GET", "/fails")
    content = check(response, 422)
    assert (content["detail"], content["hint"]) == ("no such topic", "Use 'cards'.")
    assert "/srv" not in response.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError("worse than what serves"), 409),
        (DrainingError(), 503),
        (HTTPException(404, "no such answer"), 404),
    ],
)
def test_each_error_has_its_status(app: FastAPI, ask: Ask, error: Exception, status: int) -> None:
    check(ask(failing(app, error), "GET", "/fails"), status)


def test_overload_says_when_to_return(app: FastAPI, ask: Ask) -> None:
    response = ask(failing(app, OverloadedError(7)), "GET", "/fails")
    check(response, 429)
    assert response.headers["retry-after"] == "7"


def test_an_unknown_path_and_a_wrong_method_are_problems(app: FastAPI, ask: Ask) -> None:
    check(ask(app, "GET", "/nowhere"), 404)
    response = ask(app, "DELETE", "/ask")
    check(response, 405)
    assert response.headers["allow"] == "POST, OPTIONS"


def test_invalid_fields_are_named_and_their_content_is_not_sent_back(
    app: FastAPI, ask: Ask
) -> None:
    response = ask(app, "POST", "/ask", json={"question": "private " * 5, "colour": 1})
    errors = check(response, 422)["errors"]
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == ["body.question", "body.colour"]
    assert "20 characters" in errors[0]["problem"]
    assert "private" not in response.text


def test_however_much_is_wrong_the_answer_stays_small(
    new_app: Callable[..., FastAPI], ask: Ask
) -> None:
    app = new_app(max_body_bytes=1_000_000)

    @app.post("/ask")
    async def answer(asked: Question) -> str:
        return asked.question

    response = ask(app, "POST", "/ask", json={f"{n}" + "x" * 1000: 1 for n in range(500)})
    check(response, 422)
    assert len(response.content) < 20_000


def test_text_that_is_no_unicode_is_still_a_problem(
    app: FastAPI, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests that run in several processes cannot pass half a character on.
    monkeypatch.setattr(logging.getLogger("common.serving.problems"), "disabled", True)
    response = ask(failing(app, UserError("no such topic: \ud800")), "GET", "/fails")
    assert check(response, 422)["detail"] == "no such topic: \ud800"


def test_broken_json_is_a_problem(app: FastAPI, ask: Ask) -> None:
    headers = {"Content-Type": "application/json"}
    check(ask(app, "POST", "/ask", content=b"{", headers=headers), 422)


def test_an_unexpected_error_is_in_the_log_under_the_id_in_the_answer(
    app: FastAPI, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask(failing(app, ZeroDivisionError(WORDS)), "GET", "/fails")
    content = check(response, 500)
    assert WORDS not in response.text
    assert "default-src 'self'" in response.headers["content-security-policy"]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(content["instance"]) in record.getMessage()
    # Where it was raised and what kind it is, but not its words, which may be a customer's.
    line = JsonLines().format(record)
    assert "ZeroDivisionError" in line
    assert "in fails" in line
    assert WORDS not in line


def test_a_stream_that_breaks_is_not_made_to_look_whole(
    app: FastAPI, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            yield "one"
            raise ZeroDivisionError(WORDS) from ValueError(WORDS)

        return StreamingResponse(words())

    with pytest.raises(BrokenAnswerError) as broken:
        ask(app, "GET", "/breaks")
    lines = "".join(JsonLines().format(record) for record in caplog.records)
    assert "ZeroDivisionError" in lines
    assert "ValueError" in lines
    shown = "".join(traceback.format_exception(broken.value))
    assert WORDS not in lines + shown


def test_the_body_is_limited_by_its_declared_size(app: FastAPI, ask: Ask) -> None:
    check(ask(app, "POST", "/ask", json={"question": "x" * 1000}), 413)


def test_a_declared_size_is_refused_on_a_route_that_never_reads_it(app: FastAPI, ask: Ask) -> None:
    @app.put("/unread")
    async def unread() -> None: ...

    check(ask(app, "PUT", "/unread", content=b"x" * 1001), 413)
    assert ask(app, "PUT", "/unread", content=b"x" * 1000).status_code == 200


def test_the_body_is_limited_by_what_is_streamed(app: FastAPI, ask: Ask) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 100
            yield b"x" * 100

    headers = {"Content-Type": "application/json"}
    check(ask(app, "POST", "/ask", content=pieces(), headers=headers), 413)
    assert sent == 1100


def test_a_body_at_the_limit_passes(app: FastAPI, ask: Ask) -> None:
    body = b'{"question": "fits"}'
    headers = {"Content-Type": "application/json"}
    response = ask(app, "POST", "/ask", content=body.ljust(1000), headers=headers)
    assert response.json() == "fits"


def test_the_schema_describes_problems_as_they_are_sent(app: FastAPI, ask: Ask) -> None:
    responses = ask(app, "GET", "/openapi.json").json()["paths"]["/ask"]["post"]["responses"]
    assert set(responses) == {"200", "4XX", "5XX"}
    assert list(responses["4XX"]["content"]) == ["application/problem+json"]
