"""A server or a job as a process, seen from outside: its address, its log, its end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

from benchmarks.chaos.rounds import BrokenError
from tests.processes import ENVIRONMENT, ROOT, Process

PATIENCE_SECONDS = 120.0


class Running:
    """`python -m ARGUMENTS…`, its log read as it comes.

    Args:
        environment: what is set beside that of this process.
        afresh: not forked from a process that has imported the libraries, which the environment
            comes too late for.
    """

    def __init__(
        self, *arguments: object, environment: dict[str, str] | None = None, afresh: bool = False
    ) -> None:
        command = ["-m", *map(str, arguments)]
        self.log: list[str] = []
        self._process: Any
        if afresh:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                env=os.environ | ENVIRONMENT | (environment or {}),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
        else:
            self._process = Process(*command, stderr=subprocess.PIPE, env=environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return int(self._process.pid)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def address(self) -> str:
        """Of a server, once it answers."""
        wait_for(lambda: self._ready() is not None or self.is_over, "a server was never ready")
        found = self._ready()
        if found is None:
            raise BrokenError(f"a server did not begin: {self.last_words()}")
        return found

    def _ready(self) -> str | None:
        lines = [line.split()[1] for line in self.log if line.startswith("Ready:")]
        return lines[0] if lines else None

    def last_words(self) -> str:
        """The end of its log."""
        return " | ".join(line.strip() for line in self.log[-5:])

    def kill(self) -> None:
        """As by `kill -9`."""
        self._process.kill()
        self.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code, once it ends."""
        try:
            code = int(self._process.wait(seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise BrokenError(f"it does not end: {self.last_words()}") from None
        self._reader.join(10)
        return code

    def _read(self) -> None:
        self.log.extend(iter(self._process.stderr.readline, ""))


def wait_for(condition: Any, broken: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it is so.

    Raises:
        BrokenError: it never is.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise BrokenError(broken)
        time.sleep(0.02)


def check_told_once(log: list[str], most: int = 3) -> int:
    """See that a log holds no traceback, and says nothing again and again; how much it warned of.

    Raises:
        BrokenError: it does.
    """
    said: dict[str, int] = {}
    for line in log:
        if "raceback" in line:
            raise BrokenError(f"a traceback: {line.strip()[:2000]}")
        if '"level": "info"' in line or not line.strip():
            continue
        # Without the time, and without what differs behind the first words.
        words = line.partition('"level"')[2] or line
        said[words[:60]] = said.get(words[:60], 0) + 1
    for words, times in said.items():
        if times > most:
            raise BrokenError(f"told {times} times: {words}")
    return sum(said.values())
