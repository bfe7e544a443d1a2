"""Every error as application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import RefusedError, UserError, reason_of
from common.serving.batching import DrainingError, OverloadedError
from common.serving.disconnect import CLIENT_GONE, ClientGoneError
from common.serving.logs import where_raised

MEDIA_TYPE = "application/problem+json"
MOST_FIELDS = 20
MOST_CHARACTERS = 200

logger = logging.getLogger(__name__)

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
# For FastAPI(responses=...): named so, its own description of a 422 is left out.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
    for status, what in (("4XX", "The request cannot be served"), ("5XX", "The server failed"))
}


class ProblemResponse(JSONResponse):
    """One problem as RFC 9457 writes it."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """JSON in UTF-8; a lone surrogate out of the request's JSON stays an escape."""
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> ProblemResponse:
    """The answer for one problem; `members` are added to the standard ones."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return ProblemResponse(content, status_code=status, headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer the errors that routes raise with problems."""
    for kind in (
        UserError,
        RequestValidationError,
        HTTPException,
        OverloadedError,
        DrainingError,
        ClientGoneError,
    ):
        app.add_exception_handler(kind, _answer)


async def _answer(_request: Request, error: Exception) -> Response:
    match error:
        case UserError():
            # Where it went wrong may be a path on this machine: for the log only. What went wrong
            # may repeat what was asked: for the asker only.
            logger.warning("a request was refused%s", f": {error.where}" if error.where else "")
            status = 409 if isinstance(error, RefusedError) else 422
            hint: dict[str, Any] = {"hint": error.hint} if error.hint else {}
            return problem(status, error.what, **hint)
        case RequestValidationError():
            return problem(422, "The request is not valid.", errors=_fields(error))
        case HTTPException():
            return problem(error.status_code, str(error.detail), headers=error.headers)
        case OverloadedError():
            retry = {"Retry-After": str(error.retry_after_seconds)}
            return problem(429, "Too many requests are waiting.", headers=retry)
        case DrainingError():
            return problem(503, "The server is stopping.")
        case ClientGoneError():
            return Response(status_code=CLIENT_GONE)
    raise error


def _fields(error: RequestValidationError) -> list[dict[str, str]]:
    # Both can repeat what the client sent, so both are cut; the input itself is left out.
    return [
        {
            "field": ".".join(str(part) for part in each["loc"])[:MOST_CHARACTERS],
            "problem": reason_of(each)[:MOST_CHARACTERS],
        }
        for each in error.errors()[:MOST_FIELDS]
    ]


class BrokenAnswerError(Exception):
    """An answer broke off after its status had been sent; the log says why."""


class AnswerUnexpected:
    """ASGI middleware: an unknown error becomes a 500 that names its traceback in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 if that fails."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http":
                raise
            instance = uuid4().urn
            fields = {"traceback": where_raised(error)}
            logger.error("unexpected error %s", instance, extra={"fields": fields})
            if started:
                # The status is on its way; the server is to cut the connection.
                raise BrokenAnswerError(instance) from None
            detail = "Something went wrong. The server's log has the details under this instance."
            await problem(500, detail, instance=instance)(scope, receive, send)
