"""HEAD and OPTIONS, which balancers and browsers send, of every route."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# In the order in which they are listed.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What routing finds out, and whoever is further out may ask for.
FOUND = ("route", "endpoint", "path_params", "fastapi", "state")


class AnswerHead:
    """ASGI middleware: HEAD is answered as GET is, without the body; a stream is not begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}
        started = asyncio.Event()

        async def head_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                started.set()

        working = asyncio.ensure_future(self._app(as_get, receive, head_only))
        waiting = asyncio.ensure_future(started.wait())
        try:
            await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not started.is_set():
                await working
        finally:
            scope.update({name: as_get[name] for name in FOUND if name in as_get})
            for task in (working, waiting):
                task.cancel()
            await asyncio.gather(working, waiting, return_exceptions=True)
        await send({"type": "http.response.body", "body": b""})


class AnswerOptions:
    """ASGI middleware: OPTIONS lists the methods of a path, and so does every 405.

    No other site is allowed anything: there are no headers for one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS of a path there is; pass all else on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := _allowed(scope)):
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
            return

        async def with_allow(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                MutableHeaders(scope=message)["Allow"] = _allowed(scope)
            await send(message)

        await self._app(scope, receive, with_allow)


def _allowed(scope: Scope) -> str:
    """The methods of a path, in words for the header; nothing where there is no such path."""
    found = set(_methods(scope["app"].routes, scope))
    if not found:
        return ""
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(name for name in METHODS if name in found | {"OPTIONS"})


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> Iterable[str]:
    for route in routes:
        match, _ = route.matches({**scope, "method": "GET"})
        if match is not Match.NONE:
            yield from (
                ("GET",) if isinstance(route, Mount) else getattr(route, "methods", None) or ()
            )
