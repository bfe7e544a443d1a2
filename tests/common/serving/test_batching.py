"""What a caller of the batcher may rely on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.serving import batching
from common.serving.batching import Batcher, DrainingError, OverloadedError


class Model:
    """Echoes its items, remembers each batch, and holds each until the gate opens."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.started = threading.Event()

    def run(self, items: list[str]) -> list[str]:
        self.batches.append(items)
        self.threads.add(threading.current_thread().name)
        self.started.set()
        self.gate.wait(20)
        if "poison" in items:
            raise ValueError("poison")
        return [item.upper() for item in items]

    def batcher(
        self, *, budget: int = 1000, queue_bound: int = 100, longest_wait: float = 100.0
    ) -> Batcher[str, str]:
        return Batcher(
            self.run, cost=len, budget=budget, queue_bound=queue_bound, longest_wait=longest_wait
        )


@pytest.fixture
def model() -> Model:
    return Model()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, timeout=60))


async def busy(model: Model, batcher: Batcher[str, str]) -> asyncio.Task[str]:
    """A first item that keeps the model busy until the gate opens."""
    first = asyncio.create_task(batcher.submit("first"))
    await asyncio.to_thread(model.started.wait)
    return first


async def submitted(batcher: Batcher[str, str], *items: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


def test_who_would_wait_too_long_is_refused_at_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(batching, "monotonic", lambda: now)

    async def test() -> None:
        nonlocal now
        batcher = model.batcher(longest_wait=1.0)
        # An item takes 0.4 s: beside the one that runs, two may wait.
        first = await busy(model, batcher)
        now = 0.4
        model.gate.set()
        await first
        model.gate.clear()
        model.started.clear()
        running = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "b")
        with pytest.raises(OverloadedError) as refused:
            await batcher.submit("c")
        assert refused.value.retry_after_seconds == 2
        # Who comes after is told to come back after: 0.4 s each, from 1.2 s on.
        later = []
        for _ in range(9):
            with pytest.raises(OverloadedError) as refused:
                await batcher.submit("d")
            later.append(refused.value.retry_after_seconds)
        assert later == [2, 2, 3, 3, 4, 4, 4, 5, 5]
        assert (batcher.waiting, batcher.rejected) == (2, 10)
        model.gate.set()
        assert await asyncio.gather(running, *tasks) == ["FIRST", "A", "B"]

    run(test())


def test_however_slow_the_model_one_may_wait(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(batching, "monotonic", lambda: now)

    async def test() -> None:
        nonlocal now
        batcher = model.batcher(longest_wait=1.0)
        first = await busy(model, batcher)
        now = 60.0
        model.gate.set()
        await first
        model.gate.clear()
        model.started.clear()
        running = await busy(model, batcher)
        (waits,) = await submitted(batcher, "a")
        with pytest.raises(OverloadedError) as refused:
            await batcher.submit("b")
        assert refused.value.retry_after_seconds == 60
        model.gate.set()
        assert await asyncio.gather(running, waits) == ["FIRST", "A"]

    run(test())


def test_what_arrives_during_a_batch_makes_the_next_one(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher()
        first = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "b", "c")
        assert batcher.waiting == 3
        model.gate.set()
        assert await asyncio.gather(first, *tasks) == ["FIRST", "A", "B", "C"]
        assert model.batches == [["first"], ["a", "b", "c"]]
        assert (batcher.waiting, batcher.last_batch_size) == (0, 3)
        assert len(model.threads) == 1

    run(test())


def test_a_batch_keeps_to_the_padded_cost(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher(budget=6)
        first = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "bb", "cc", "ddd", "e", "eleven-long", "f")
        model.gate.set()
        await asyncio.gather(first, *tasks)
        # Three of at most two tokens; ddd would make four of three. An item above the budget
        # runs alone.
        assert model.batches[1:] == [["a", "bb", "cc"], ["ddd", "e"], ["eleven-long"], ["f"]]

    run(test())


@given(st.lists(st.text("x", min_size=1, max_size=9), min_size=1, max_size=30), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_every_item_is_answered_once_within_the_budget(items: list[str], budget: int) -> None:
    model = Model()
    model.gate.set()

    async def test() -> None:
        batcher = model.batcher(budget=budget)
        results = await asyncio.gather(*(batcher.submit(item) for item in items))
        assert results == [item.upper() for item in items]
        await batcher.drain()

    run(test())
    assert [item for batch in model.batches for item in batch] == items
    for batch in model.batches:
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= budget


def test_a_full_queue_refuses_and_says_when_to_return(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(batching, "monotonic", lambda: now)

    async def test() -> None:
        nonlocal now
        batcher = model.batcher(queue_bound=2)
        first = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "b")
        with pytest.raises(OverloadedError) as refused:
            await batcher.submit("c")
        assert refused.value.retry_after_seconds == 1
        now = 2.5
        model.gate.set()
        await asyncio.gather(first, *tasks)
        model.gate.clear()
        model.started.clear()
        second = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "b")
        with pytest.raises(OverloadedError) as refused:
            await batcher.submit("c")
        # 2.5 s an item first, none in the latest batch: 1.75 s for one that runs and two that wait.
        assert refused.value.retry_after_seconds == 6
        assert batcher.rejected == 2
        model.gate.set()
        await asyncio.gather(second, *tasks)

    run(test())


def test_a_cancelled_item_never_costs_a_forward_pass(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher()
        first = await busy(model, batcher)
        gone, stays = await submitted(batcher, "gone", "stays")
        gone.cancel()
        await asyncio.wait([gone])
        assert batcher.waiting == 1
        model.gate.set()
        assert await asyncio.gather(first, stays) == ["FIRST", "STAYS"]
        assert model.batches == [["first"], ["stays"]]

    run(test())


def test_an_item_cancelled_as_the_batch_is_formed_is_left_out(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher()
        gone, stays = await submitted(batcher, "gone", "stays")
        # The batcher's next step comes before the one in which this caller leaves.
        gone.cancel()
        model.gate.set()
        assert await stays == "STAYS"
        assert gone.cancelled()
        assert model.batches == [["stays"]]

    run(test())


def test_a_poisoned_item_fails_alone(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher()
        first = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "poison", "b")
        model.gate.set()
        await first
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [results[0], results[2]] == ["A", "B"]
        assert isinstance(results[1], ValueError)
        assert await batcher.submit("later") == "LATER"

    run(test())


def test_a_model_that_loses_an_item_is_an_error() -> None:
    async def test() -> None:
        batcher: Batcher[str, str] = Batcher(
            lambda items: items[1:], cost=len, budget=10, queue_bound=10
        )
        with pytest.raises(RuntimeError, match="0 results for a batch of 1"):
            await batcher.submit("a")

    run(test())


def test_draining_finishes_what_was_accepted_and_refuses_the_rest(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher(budget=1)
        first = await busy(model, batcher)
        tasks = await submitted(batcher, "a", "b")
        draining = asyncio.create_task(batcher.drain())
        await asyncio.sleep(0)
        with pytest.raises(DrainingError):
            await batcher.submit("late")
        assert not draining.done()
        model.gate.set()
        await draining
        assert [task.result() for task in (first, *tasks)] == ["FIRST", "A", "B"]

    run(test())


def test_an_unused_batcher_drains(model: Model) -> None:
    async def test() -> None:
        batcher = model.batcher()
        await batcher.drain()
        with pytest.raises(DrainingError):
            await batcher.submit("late")

    run(test())
