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
Answer = TypeVar("Answer")

# How far the latest batch moves the estimate of the time an item takes.
LATEST_WEIGHT = 0.3
# Seconds beyond which an answer comes too late to be of use, and is better refused at once.
LONGEST_WAIT = 1.0
# Nobody is asked to come back later than that, in seconds.
LONGEST_RETRY = 60


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

    Args:
        queue_bound: items that may wait at the most.
        longest_wait: seconds for which an item may be expected to wait; one may wait in any case.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], list[Result]],
        *,
        cost: Callable[[Item], int],
        budget: int,
        queue_bound: int,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._run = run
        self._cost = cost
        self._budget = budget
        self._queue_bound = queue_bound
        self._longest_wait = longest_wait
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        self._working: asyncio.Task[None] | None = None
        self._draining = False
        self._running = 0
        self._seconds_per_item = 0.0
        self._last_batch_size = 0
        self._rejected = 0
        self._next_slot = 0.0

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
            OverloadedError: too many items wait already, or for too long.
            DrainingError: `drain` was called.
        """
        if self._draining:
            self._rejected += 1
            raise DrainingError("the server is stopping")
        expected = self._expected_wait()
        is_too_long = bool(self._queue) and expected > self._longest_wait
        if is_too_long or len(self._queue) >= self._queue_bound:
            self._rejected += 1
            raise OverloadedError(self._turn_away(expected))
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

    async def between(self, work: Callable[[], Answer]) -> Answer:
        """What `work` gives, run in the same thread between two batches."""
        if self._draining:
            return await asyncio.to_thread(work)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def drain(self) -> None:
        """Refuse what is new, finish what was accepted, end the thread."""
        self._draining = True
        if self._working is not None:
            # Not awaited itself: a cancelled drain must not cancel the work.
            await asyncio.wait([self._working])
        self._thread.shutdown()

    def _turn_away(self, expected_wait: float) -> int:
        """Seconds after which to come back: one after the other, or all would be back at once."""
        now = monotonic()
        slot = max(self._next_slot, now + expected_wait)
        self._next_slot = min(slot + self._seconds_per_item, now + LONGEST_RETRY)
        return min(max(1, math.ceil(slot - now)), LONGEST_RETRY)

    def _expected_wait(self) -> float:
        """Seconds until an item that comes now would be done with."""
        return (len(self._queue) + self._running) * self._seconds_per_item

    async def _work(self) -> None:
        while batch := self._next_batch():
            started = monotonic()
            await self._answer(batch)
            # Until here, for what is done with the results in the loop delays the next batch, too.
            self._note(monotonic() - started, len(batch))

    def _note(self, seconds: float, items: int) -> None:
        latest = seconds / items
        if self._seconds_per_item:
            latest += (1 - LATEST_WEIGHT) * (self._seconds_per_item - latest)
        self._seconds_per_item = latest

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
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self._thread, self._run, items)
        finally:
            self._running = 0
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for a batch of {len(items)}")
        return results
