"""What a web page from elsewhere must not do to a server on the user's own machine."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.serving.problems import problem

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class SecurityHeaders:
    """ASGI middleware: pages load from this host alone, and no other site frames them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that the answer does not set itself."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class KnownHosts:
    """ASGI middleware: refuse requests addressed to any other name, as in DNS rebinding.

    Starlette's TrustedHostMiddleware answers in plain text and cannot say how to fix it.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.strip("[]").lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        if scope["type"] == "http" and self._addressed(scope) not in self._names:
            known = ", ".join(sorted(self._names))
            detail = f"This server answers to these names only: {known}."
            hint = "Start it with a further name: --allow-host NAME"
            await problem(400, detail, hint=hint)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _addressed(scope: Scope) -> str | None:
        try:
            return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname
        except ValueError:
            return None


class JsonPosts:
    """ASGI middleware: every POST must say that it is JSON.

    A page elsewhere can send a form or plain text here unasked; for JSON its browser asks
    first, and nobody answers. PUT, PATCH and DELETE are always asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 415."""
        if scope["type"] == "http" and scope["method"] == "POST":
            media_type, _, _ = Headers(scope=scope).get("content-type", "").partition(";")
            if media_type.strip().lower() != "application/json":
                detail = "Send this with Content-Type: application/json."
                await problem(415, detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)
