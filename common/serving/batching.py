"""Requests that arrive while the model computes share its next batch."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How far the latest batch moves the estimate of the time an item takes.
LATEST_WEIGHT = 0.3


class OverloadedError(Exception):
    """The queue is full; try again after so many seconds."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"the queue is full, try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class DrainingError(Exception):
    """The server finishes what it accepted and takes nothing new."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    cost: int
    result: asyncio.Future[Result]


class Batcher(Generic[Item, Result]):
    """Runs blocking `run` in one thread of its own, on whatever waits, `budget` at a time.

    A batch costs its number of items times its dearest item, as padding makes it; an item
    dearer than the whole budget runs alone. There is no timer: an idle batcher starts at once.
    All methods belong to one event loop.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], list[Result]],
        *,
        cost: Callable[[Item], int],
        budget: int,
        queue_bound: int,
    ) -> None:
        self._run = run
        self._cost = cost
        self._budget = budget
        self._queue_bound = queue_bound
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        self._working: asyncio.Task[None] | None = None
        self._draining = False
        self._running = 0
        self._seconds_per_item = 0.0
        self._last_batch_size = 0
        self._rejected = 0

    @property
    def waiting(self) -> int:
        """Items accepted and not yet in a batch."""
        return len(self._queue)

    @property
    def last_batch_size(self) -> int:
        """Items in the batch that was started last."""
        return self._last_batch_size

    @property
    def rejected(self) -> int:
        """Items refused since the start."""
        return self._rejected

    async def submit(self, item: Item) -> Result:
        """The result for one item; a cancelled caller's item leaves the queue.

        Raises:
            OverloadedError: `queue_bound` items wait already.
            DrainingError: `drain` was called.
        """
        if self._draining:
            self._rejected += 1
            raise DrainingError("the server is stopping")
        if len(self._queue) >= self._queue_bound:
            self._rejected += 1
            raise OverloadedError(self._retry_after_seconds())
        entry: _Waiting[Item, Result] = _Waiting(
            item, self._cost(item), asyncio.get_running_loop().create_future()
        )
        self._queue.append(entry)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        try:
            return await entry.result
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._queue.remove(entry)
            raise

    async def drain(self) -> None:
        """Refuse what is new, finish what was accepted, end the thread."""
        self._draining = True
        if self._working is not None:
            # Not awaited itself: a cancelled drain must not cancel the work.
            await asyncio.wait([self._working])
        self._thread.shutdown()

    def _retry_after_seconds(self) -> int:
        ahead = len(self._queue) + self._running
        return max(1, math.ceil(ahead * self._seconds_per_item))

    async def _work(self) -> None:
        while batch := self._next_batch():
            await self._answer(batch)

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        dearest = 0
        while self._queue:
            entry = self._queue.popleft()
            # A caller cancelled in this very turn of the loop has not left the queue yet.
            if entry.result.cancelled():
                continue
            dearest = max(dearest, entry.cost)
            if batch and (len(batch) + 1) * dearest > self._budget:
                self._queue.appendleft(entry)
                break
            batch.append(entry)
        return batch

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._compute([entry.item for entry in batch])
        except Exception as error:
            if len(batch) > 1:
                # One bad item must not fail its neighbours; alone, it fails alone.
                for entry in batch:
                    if not entry.result.done():
                        await self._answer([entry])
            elif not batch[0].result.done():
                batch[0].result.set_exception(error)
        else:
            for entry, result in zip(batch, results, strict=True):
                if not entry.result.done():
                    entry.result.set_result(result)

    async def _compute(self, items: list[Item]) -> list[Result]:
        self._last_batch_size = self._running = len(items)
        started = monotonic()
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self._thread, self._run, items)
        finally:
            self._running = 0
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for a batch of {len(items)}")
        seconds = (monotonic() - started) / len(items)
        if self._seconds_per_item:
            seconds += (1 - LATEST_WEIGHT) * (self._seconds_per_item - seconds)
        self._seconds_per_item = seconds
        return results
