"""The real server, started as a user does, on a free port, with a store of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Process


def copy_release(release: Path, store: Path) -> Path:
    """Put the promoted release of one store into another."""
    source, target = release / "finance_monitor", store / "finance_monitor"
    target.mkdir(parents=True)
    shutil.copytree(source / "releases", target / "releases")
    (target / "current").symlink_to(os.readlink(source / "current"))  # noqa: PTH115
    shutil.copy(source / "promoted", target / "promoted")
    return store


@contextmanager
def serving(store: Path, *more: str, log: list[str] | None = None) -> Iterator[str]:
    """Yields its address; ends it, and expects it to end well. Its stderr goes to `log`."""
    command = ("-m", "apps.finance_monitor", "serve", "--store", store, "--port", 0, *more)
    process = Process(*command, stderr=subprocess.PIPE)
    assert process.stderr
    address = next(line.split()[1] for line in process.stderr if line.startswith("Ready:"))
    # The log must be read, or a full pipe would stop the server.
    read = [] if log is None else log
    reader = threading.Thread(target=read.extend, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        yield address
    finally:
        process.terminate()
        ended = process.wait(60)
    assert ended == 0
    reader.join(10)


def tells_the_same_when_killed(feed_of: Callable[[str], str], folder: Path) -> None:
    """See that a monitor which is killed, and goes on, tells what one does that is left alone.

    Args:
        feed_of: the address of the scored feed, for a reader of this name.
    """

    def run(name: str, kill_after: float | None = None) -> None:
        command = (
            "-m", "apps.finance_monitor", "watch", feed_of(name), "--scored", "--once",
            "--store", folder / name, "--notify", f"jsonl:{folder / name}.jsonl",
        )  # fmt: skip
        with Process(*command) as process:
            database = folder / name / "finance_monitor" / "monitor.sqlite"
            if kill_after is not None:
                while process.poll() is None and not database.exists():
                    time.sleep(0.01)
                time.sleep(kill_after)
                process.send_signal(signal.SIGKILL)
            process.wait()

    def told(name: str) -> list[object]:
        return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]

    run("whole")
    for pause in (0.1, 0.3, 0.5):
        run("killed", pause)
    run("killed")
    assert told("whole")
    assert told("killed") == told("whole")
