"""How much a client may send."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.serving.problems import problem


class LimitBody:
    """ASGI middleware: 413 for a body above `most_bytes`, declared or streamed.

    Starlette's own limit answers in plain text.

    Args:
        by_path: what other paths may take.
    """

    def __init__(
        self, app: ASGIApp, most_bytes: int, by_path: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._by_path = by_path or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most_bytes = self._by_path.get(scope["path"], self._most_bytes)
        too_large = f"The body may have {most_bytes} bytes."
        declared = Headers(scope=scope).get("content-length", "")
        # Only digits: a malformed length is the HTTP parser's to refuse.
        if declared.isdecimal() and int(declared) > most_bytes:
            await problem(413, too_large)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most_bytes:
                # The route is reading now, and its error handlers answer.
                raise HTTPException(413, too_large)
            return message

        await self._app(scope, counted, send)
