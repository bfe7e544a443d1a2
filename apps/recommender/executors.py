"""Where shards are scored: in processes of this machine, or on Ray."""

from __future__ import annotations

import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Protocol

from apps.recommender.shards import Shard, ShardFile
from common.errors import Exit, UserError

Work = Callable[[Shard], ShardFile]
Answers = Generator[ShardFile, None, None]

# A thread each: two pools that spin against each other are slower than one, and a sum that is
# split over threads may differ in its last bit.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class StoppedError(UserError):
    """The run stopped with work left; the same command goes on."""

    exit_code = Exit.REFUSED


class Executor(Protocol):
    """Does `work` for every shard, in any order, and yields what was written as it comes.

    Raises:
        StoppedError: a worker died twice over the same shard.
        UserError: what the work raised; any other exception of it comes as a RuntimeError.
    """

    def __call__(self, work: Work, shards: Sequence[Shard], workers: int) -> Answers:
        """Start; ends its workers when closed."""


def executor_named(name: str) -> Executor:
    """`local` or `ray`.

    Raises:
        UserError: there is none of that name.
    """
    if name == "local":
        return run_locally
    if name == "ray":
        from apps.recommender.ray_executor import run_on_ray

        return run_on_ray
    raise UserError(f"no executor {name!r}", mend="Executors: local, ray")


def died_twice(shard: int, how: str) -> StoppedError:
    """The error of a shard whose worker died at both attempts."""
    return StoppedError(
        f"shard {shard}: its worker died twice ({how})",
        mend="Most often memory ran out: take fewer workers, and the same command goes on.",
    )


def attempt(work: Work, shard: Shard) -> ShardFile | Exception:
    """What `work` returns or raises, in a form that travels between processes."""
    try:
        return work(shard)
    except UserError as error:
        return error
    except Exception:
        return RuntimeError(f"shard {shard.number}:\n{traceback.format_exc()}")


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
