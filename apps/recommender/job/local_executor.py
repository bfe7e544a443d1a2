"""Shards scored in processes of this machine."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread

from apps.recommender.job.executor import ONE_THREAD, Answers, Work, attempt, died_twice
from apps.recommender.job.shards import Shard


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    shard: Shard | None = None

    def give(self, waiting: deque[Shard]) -> None:
        self.shard = waiting.popleft() if waiting else None
        if self.shard:
            # One that has just died says so when it is listened to.
            with suppress(BrokenPipeError):
                self.connection.send(self.shard)

    def end(self) -> int | None:
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def run_locally(work: Work, shards: Sequence[Shard], workers: int) -> Answers:
    """Processes of this machine, one thread each; a dead worker's shard is tried once more."""
    waiting = deque(shards)
    died: set[int] = set()
    crew: list[_Worker] = []
    try:
        for _ in range(min(workers, len(shards))):
            crew.append(_start(work))
            crew[-1].give(waiting)
        while busy := {worker.connection: worker for worker in crew if worker.shard}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                assert worker.shard
                try:
                    answer = worker.connection.recv()
                except (EOFError, ConnectionResetError):
                    number, exit_code = worker.shard.number, worker.end()
                    if number in died:
                        raise died_twice(number, f"exit code {exit_code}") from None
                    died.add(number)
                    waiting.appendleft(worker.shard)
                    crew.remove(worker)
                    worker = _start(work)
                    crew.append(worker)
                else:
                    if isinstance(answer, Exception):
                        raise answer
                    yield answer
                worker.give(waiting)
    finally:
        for worker in crew:
            worker.end()


def _start(work: Work) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs), daemon=True)
    before = dict(os.environ)
    # Read by numpy and torch when they are imported, so it must be there when the process starts.
    os.environ.update(ONE_THREAD)
    try:
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    # The only other end is then the worker's: it closes when the worker dies.
    theirs.close()
    return _Worker(process, ours)


def _serve(work: Work, connection: Connection) -> None:
    """The life of a worker: a shard in, an answer out."""
    # Ctrl+C reaches all processes of the terminal; the parent ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        connection.send(attempt(work, connection.recv()))


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers."""
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(1)
