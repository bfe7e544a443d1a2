"""The real server, started as a user does, on a free port, with a store of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
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
