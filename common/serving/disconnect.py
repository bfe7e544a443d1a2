"""Work that ends when nobody waits for its result any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

Result = TypeVar("Result")

# nginx's number for "client closed request": no client ever reads it, logs and metrics do.
CLIENT_GONE = 499


class ClientGoneError(Exception):
    """The client hung up before its answer was ready."""


async def until_disconnected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work`, and cancel it when the client hangs up.

    Call it when the request's body has been read, as FastAPI has done before a route starts:
    what is left of the body would be lost.

    Raises:
        ClientGoneError: the client hung up.
    """
    working = asyncio.ensure_future(work)
    listening = asyncio.ensure_future(_hang_up(request))
    both = (working, listening)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        listening.result()
        raise ClientGoneError("the client hung up")
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _hang_up(request: Request) -> None:
    # A request without a body still has one empty body message to come.
    while (await request.receive())["type"] != "http.disconnect":
        pass
