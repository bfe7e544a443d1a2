"""Worker processes behind one listening socket: begun, replaced when killed, ended together."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from common.console import say

# A worker that dies again and again does not keep the machine busy.
PAUSE_SECONDS = 1.0
# Longer than a worker takes to finish what it accepted.
PATIENCE_SECONDS = 45.0
STOPS = (signal.SIGTERM, signal.SIGINT)


class Workers:
    """Processes forked from this one, which must have no threads and have loaded nothing yet.

    Args:
        count: of processes that serve at the same time.
        work: serves, and calls what it is given once it answers; its return ends the worker.
        on_listening: called once, when every worker answers.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[Callable[[], None]], None],
        on_listening: Callable[[], None],
    ) -> None:
        self._count = count
        self._work = work
        self._on_listening = on_listening
        self._ready: set[int] = set()
        self._running: set[int] = set()
        self._stopping = False
        # Closed when this process ends, however it ends.
        self._alive, self._lifeline = os.pipe()
        self._told, self._tell = os.pipe()

    def run(self) -> int:
        """Until SIGTERM or SIGINT, or a worker that cannot begin; the exit code."""
        before = {stop: signal.signal(stop, self._stop) for stop in STOPS}
        try:
            for _ in range(self._count):
                self._fork()
            code = self._supervise()
            self._end_all()
        finally:
            for stop, handler in before.items():
                signal.signal(stop, handler)
            for descriptor in (self._alive, self._lifeline, self._told, self._tell):
                os.close(descriptor)
        return code

    def _supervise(self) -> int:
        was_announced = False
        while not self._stopping:
            self._hear()
            if not was_announced and len(self._ready) == self._count:
                was_announced = True
                self._on_listening()
            for process, code in self._ended():
                if self._stopping:
                    break
                if process not in self._ready:
                    # What is wrong with it is wrong with the next one too; it has said what.
                    return code or 1
                self._ready.discard(process)
                say(f"Worker {process} ended ({_how(code)}): another one begins.")
                time.sleep(PAUSE_SECONDS)
                self._fork()
        return 0

    def _hear(self) -> None:
        """Which workers answer by now; waits a moment for one to say so."""
        with suppress(InterruptedError):
            if select.select([self._told], [], [], 0.1)[0]:
                said = os.read(self._told, 4096).split()
                self._ready |= {int(number) for number in said}

    def _fork(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            self._running.add(process)
            return
        code = 1
        try:
            for stop in STOPS:
                signal.signal(stop, signal.SIG_DFL)
            os.close(self._lifeline)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            self._work(self._say_ready)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except KeyboardInterrupt:
            code = 130
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self) -> None:
        os.write(self._tell, f"{os.getpid()} ".encode())

    def _end_with_parent(self) -> None:
        os.read(self._alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _end_all(self) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        end = time.monotonic() + PATIENCE_SECONDS
        while self._running and time.monotonic() < end:
            self._ended()
            time.sleep(0.02)
        for process in self._running:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def _ended(self) -> list[tuple[int, int]]:
        """Of the workers that ended meanwhile, their exit codes; negative: by a signal."""
        found = []
        for process in list(self._running):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self._running.discard(process)
                found.append((process, os.waitstatus_to_exitcode(status)))
        return found

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
