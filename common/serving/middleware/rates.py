"""How often a client may ask."""

from __future__ import annotations

import asyncio
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from common.serving.problems import problem
from common.serving.visitors import Visitors
from common.storage.visits import Visits


class LimitRate:
    """ASGI middleware: 429 for an address that posts without a key more often than it may.

    A moving window of a minute, counted in `visits`, or else by this process alone.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors, visits: Visits | None = None) -> None:
        self._app = app
        self._visitors = visitors
        self._visits = visits
        self._most = RateLimitItemPerMinute(visitors.posts_per_minute)
        self._counter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if self._counts(scope):
            address, _ = scope.get("client") or ("", 0)
            if wait := await self._wait(address):
                headers = {"Retry-After": str(max(1, round(wait)))}
                detail = f"{self._most.amount} questions a minute are answered, and no more."
                await problem(429, detail, headers=headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _wait(self, address: str) -> float:
        """Seconds until an address may ask again; 0: it may now, and that is counted."""
        if self._visits is not None:
            return await asyncio.to_thread(self._visits.wait, address, self._most.amount)
        if self._counter.hit(self._most, address):
            return 0.0
        return self._counter.get_window_stats(self._most, address).reset_time - time()

    def _counts(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and self._visitors.may_ask(scope["path"])
            and "api_key_name" not in scope.get("state", {})
        )
