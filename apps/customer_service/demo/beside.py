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

from common.console import say
from common.errors import Exit

# Behind the server, which answers meanwhile.
LOW_PRIORITY = 10
ENDING_SECONDS = 20


@contextmanager
def fine_tuning(store: Path) -> Iterator[None]:
    """`demo --beside` as a process; it ends with this block, and goes on where it stopped later."""
    log = store / "customer_service" / "demo.log"
    # A thread that waits must not keep a core from those who answer.
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "apps.customer_service", "demo", "--beside"]
    with log.open("a", encoding="utf-8") as file:
        # A group of its own: Ctrl+C reaches the server, which then ends it. Its stdin is closed
        # however this process ends.
        process = subprocess.Popen(
            [*command, "--store", str(store)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
    say(f"Fine-tuning goes on beside it, and serves by itself when it is better: tail -f {log}")
    is_ending = threading.Event()
    watching = threading.Thread(target=_tell_the_end, args=(process, log, is_ending), daemon=True)
    watching.start()
    try:
        yield
    finally:
        is_ending.set()
        _send(process, signal.SIGTERM)
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            _send(process, signal.SIGKILL)
        watching.join()


def end_with_stdin() -> None:
    """Let this process end when its stdin does, and what it began with it."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.killpg(0, signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To it and what it began."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _tell_the_end(process: subprocess.Popen[bytes], log: Path, is_ending: threading.Event) -> None:
    code = process.wait()
    if is_ending.is_set():
        return
    if code == Exit.DONE:
        say("Fine-tuned on the sample data.")
    elif code == Exit.REFUSED:
        say(f"What was fine-tuned on the sample data does not serve; the reason: {log}")
    else:
        say(f"Fine-tuning on the sample data ended with exit code {code}; its reason: {log}")
