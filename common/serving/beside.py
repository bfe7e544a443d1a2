"""What runs while a server does: begun with it, ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from fastapi import FastAPI

from common.rules.live import POLL_SECONDS, LiveRules
from common.serving.batching import Batcher
from common.serving.learning.periodic import Periodic


class Beside(Protocol):
    """Something that runs while the server does."""

    def start(self) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102


def watching(rules: LiveRules[Any] | None) -> list[Beside]:
    """What reads a file of rules again before a request would have to: none waits for a disk."""
    return [Periodic("rules-watch", rules.refresh, POLL_SECONDS / 2)] if rules else []


def running_beside(
    beside: Sequence[Beside], queues: Sequence[Batcher[Any, Any]]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of a server.

    Args:
        beside: begun from the last to the first, ended from the first on.
        queues: answered to the end before anything is ended.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for one in reversed(beside):
            await asyncio.to_thread(one.start)
        yield
        for queue in queues:
            await queue.drain()
        for one in beside:
            await asyncio.to_thread(one.stop)

    return lifespan
