"""Fine-tuning on the sample data beside a server, in a process of low priority."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.console import say
from common.errors import Exit

# Behind the server, which answers meanwhile.
LOW_PRIORITY = 10
ENDING_SECONDS = 20


@contextmanager
def fine_tuning(store: Path) -> Iterator[None]:
    """`demo` as a process; it ends with this block, and goes on where it stopped next time."""
    log = store / "customer_service" / "demo.log"
    # A thread that waits must not keep a core from those who answer.
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "apps.customer_service", "demo", "--store", str(store)]
    with log.open("w", encoding="utf-8") as file:
        # A group of its own: Ctrl+C reaches the server, which then ends it.
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
    say(f"Fine-tuning goes on beside it, and serves by itself when it is better: tail -f {log}")
    is_ending = threading.Event()
    watching = threading.Thread(target=_tell_the_end, args=(process, log, is_ending))
    watching.start()
    try:
        yield
    finally:
        is_ending.set()
        process.terminate()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        watching.join()


def _tell_the_end(process: subprocess.Popen[bytes], log: Path, is_ending: threading.Event) -> None:
    code = process.wait()
    if is_ending.is_set():
        return
    if code == Exit.DONE:
        say("Fine-tuned on the sample data.")
    else:
        say(f"Fine-tuning on the sample data ended with exit code {code}; its reason: {log}")
