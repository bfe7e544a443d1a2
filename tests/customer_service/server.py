"""The real server, started as a user does, on a free port."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Process


@contextmanager
def running(store: Path, *options: str | Path, port: int = 0) -> Iterator[str]:
    """Yields its address; ends it, and expects it to end well."""
    command = ("-m", "apps.customer_service", "serve", "--store", store, *options, "--port", port)
    process = Process(*command, stderr=subprocess.PIPE)
    assert process.stderr
    address = next(line.split()[1] for line in process.stderr if line.startswith("Ready:"))
    # The log must be read, or a full pipe would stop the server.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield address
    finally:
        process.terminate()
        ended = process.wait(60)
    assert ended == 0
