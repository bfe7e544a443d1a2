"""Each part in a process of its own: one that fails, hangs or is killed takes no other with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from benchmarks.gpu.apart import context
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.row import Row

# What a part may take beyond its share, to end by itself.
GRACE = 10.0
STOPPED = Row("stopped", "its share of the time is over", note="the rest is left out")


def run_parts(bench: Bench, shares: dict[str, float]) -> Iterator[tuple[str, Row]]:
    """The rows of each part, as they come.

    Args:
        bench: until when all of them must be done.
        shares: of the time that is left when a part begins, beside those after it.
    """
    processes: Any = context()
    names = list(shares)
    for place, name in enumerate(names):
        share = shares[name] / sum(shares[rest] for rest in names[place:])
        until = monotonic() + max(0.0, bench.left) * share
        ours, theirs = processes.Pipe(duplex=False)
        own = replace(bench, until=until, work=bench.work / name)
        process = processes.Process(target=_run, args=(name, own, theirs))
        process.start()
        theirs.close()
        for row in _rows(ours, until + GRACE):
            yield name, row
        _end(process)


def _rows(ours: Connection, until: float) -> Iterator[Row]:
    while True:
        if not ours.poll(max(0.0, until - monotonic())):
            yield STOPPED
            return
        try:
            row: Row | None = ours.recv()
        except EOFError:
            yield Row("failed", "the process ended without a word", failed=True)
            return
        if row is None:
            return
        yield row


def _run(name: str, bench: Bench, theirs: Connection) -> None:
    # With all that it starts: they are ended together.
    os.setsid()
    bench.work.mkdir(parents=True, exist_ok=True)
    try:
        for row in PARTS[name](bench):
            theirs.send(row)
    except TimeoutError:
        theirs.send(STOPPED)
    except Exception as error:
        said = str(error).strip().splitlines() or [""]
        theirs.send(Row("failed", type(error).__name__, note=said[0], failed=True))
    theirs.send(None)


def _end(process: Any) -> None:
    process.join(1.0)
    if process.exitcode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
    process.join()
