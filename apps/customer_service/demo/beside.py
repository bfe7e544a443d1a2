"""Fine-tuning in a process beside the server's: of low priority, and gone when the server is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from common.console import say
from common.errors import Exit

# Behind the server, which answers meanwhile.
LOW_PRIORITY = 10
ENDING_SECONDS = 20
LOOK_SECONDS = 0.5


@contextmanager
def fine_tuning(store: Path, host: str, port: int) -> Iterator[None]:
    """`demo --beside` as a process, from when the server answers on.

    It ends with this block, and goes on where it stopped the next time.
    """
    process = _Process(store, host, port)
    process.start()
    try:
        yield
    finally:
        process.stop()


class _Process:
    def __init__(self, store: Path, host: str, port: int) -> None:
        self._store = store
        name = f"[{host}]" if ":" in host else host
        self._server = f"http://{name}:{port}/healthz"
        self._log = store / "customer_service" / "demo.log"
        self._is_ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_ending.set()
        self._send(signal.SIGTERM)
        self._thread.join(ENDING_SECONDS)
        self._send(signal.SIGKILL)

    def _run(self) -> None:
        # What the server reads before it answers takes twice as long beside a busy process.
        while not self._is_answering():
            if self._is_ending.wait(LOOK_SECONDS):
                return
        self._process = self._begin()
        if self._is_ending.is_set():
            self._send(signal.SIGTERM)
        code = self._process.wait()
        if not self._is_ending.is_set():
            _tell_the_end(code, self._log)

    def _is_answering(self) -> bool:
        with suppress(OSError, httpx.HTTPError):
            return httpx.get(self._server, timeout=LOOK_SECONDS).is_success
        return False

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "apps.customer_service", "demo", "--beside"]
        say(f"Fine-tuning beside it; what is better serves by itself: tail -f {self._log}")
        with self._log.open("a", encoding="utf-8") as file:
            # A group of its own: Ctrl+C reaches the server, which then ends it. Its stdin is
            # closed however this process ends.
            process = subprocess.Popen(
                [*command, "--store", str(self._store)],
                # A thread that waits must not keep a core from those who answer.
                env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
        return process

    def _send(self, number: signal.Signals) -> None:
        """To it and what it began."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def end_with_stdin() -> None:
    """Let this process end when its stdin does, and what it began with it."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.killpg(0, signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _tell_the_end(code: int, log: Path) -> None:
    if code == Exit.DONE:
        say("Fine-tuned on the sample data.")
    elif code == Exit.REFUSED:
        say(f"What was fine-tuned on the sample data does not serve; the reason: {log}")
    else:
        say(f"Fine-tuning on the sample data ended with exit code {code}; its reason: {log}")
