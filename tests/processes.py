"""Processes of their own that begin at once.

Torch, transformers and what they bring take some ten seconds to import. One process imports them
and does nothing else, and each new one is forked from it: besides modules, it knows only what is on
the disk.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
Finished = subprocess.CompletedProcess[str]
# Before a state is given up that never came about.
FEWEST_LOOKS = 100

forks = multiprocessing.get_context("forkserver")
# Found from the root of the repository, where pytest is run; elsewhere each process imports.
forks.set_forkserver_preload(["tests.preloaded"])


class Process:
    """`python ARGUMENTS…` from the root of the repository, with what `subprocess.Popen` has."""

    def __init__(
        self,
        *arguments: object,
        stdin: IO[Any] | None = None,
        stdout: IO[Any] | int = subprocess.DEVNULL,
        stderr: IO[Any] | int = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> None:
        self.args = list(map(str, arguments))
        environment = os.environ | ENVIRONMENT | (env or {})
        with ExitStack() as stack:
            null = stack.enter_context(Path(os.devnull).open("r+b"))
            self.stdout, theirs_out = _end(stdout, null)
            self.stderr, theirs_err = _end(stderr, null)
            theirs = [Connection(os.dup((stdin or null).fileno())), theirs_out, theirs_err]
            self._process = forks.Process(target=_become, args=(self.args, environment, theirs))
            self._process.start()
            for end in theirs:
                end.close()
        # What a failed test leaves running must not be waited for.
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed:
            self.kill()
        self.wait()


def run(*arguments: object, said: str = "", ranks: int = 1) -> Finished:
    """`python ARGUMENTS…` to its end, with something said to its standard input.

    With several ranks it is several processes, as `torchrun` starts them, and what all of them
    write.
    """
    with ExitStack() as stack:
        stdin, stdout, stderr = (
            stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)
        )
        stdin.write(said)
        stdin.seek(0)
        processes = [
            Process(
                *arguments,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=environment,
            )
            for environment in _ranks(ranks)
        ]
        code = _end_of(processes)
        stdout.seek(0)
        stderr.seek(0)
        return Finished(processes[0].args, code, stdout.read(), stderr.read())


def _ranks(count: int) -> list[dict[str, str]]:
    """What each process must know of the others."""
    if count == 1:
        return [{}]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    same = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    same |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(count))
    return [same | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def _end_of(processes: list[Process]) -> int:
    """The exit code of the first that fails, or 0; where one fails, nobody waits for it."""
    while None in (codes := [process.poll() for process in processes]) and not any(codes):
        time.sleep(0.005)
    for process in processes:
        process.kill()
        process.wait()
    return next((code for code in codes if code), 0)


def _end(wanted: IO[Any] | int, null: IO[bytes]) -> tuple[IO[str] | None, Connection]:
    """Our end of a stream, where it is a pipe, and theirs."""
    if wanted == subprocess.PIPE:
        ours, theirs = os.pipe()
        return os.fdopen(ours, encoding="utf-8"), Connection(theirs)
    file = null if isinstance(wanted, int) else wanted
    return None, Connection(os.dup(file.fileno()))


def _become(arguments: list[str], environment: dict[str, str], streams: list[Connection]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", buffering=1, closefd=False)
        for number, mode in enumerate("rww")
    )
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    tests = str(ROOT / "tests")
    sys.path[:] = [str(ROOT), *(place for place in sys.path if not place.startswith(tests))]
    first, *rest = arguments
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


def wait_for(condition: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait for another process, or another thread, to bring a state about."""
    deadline = time.monotonic() + seconds
    looks = 0
    while not condition():
        looks += 1
        # A machine that stood still meanwhile has given nobody that time.
        assert looks < FEWEST_LOOKS or time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
