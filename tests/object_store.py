"""A real S3 server on a free port, and what makes this machine's clients find it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

# Of this version alone: not with every one do uploads of several parts work.
MOTO = Path(__file__).parent.parent / "build" / "tools" / "moto" / "bin" / "moto_server"
needs_moto = pytest.mark.skipif(not MOTO.exists(), reason="make moto was not run")
BUCKET = "bizlm-shared"


class ObjectStore:
    """An S3 server with one bucket, which can be ended and begun again, empty."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.address,
        }

    def start(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [str(MOTO), "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
        until = time.monotonic() + 60
        while True:
            try:
                httpx.put(f"{self.address}/{BUCKET}").raise_for_status()
                return
            except httpx.TransportError:
                assert time.monotonic() < until, "moto_server does not answer"
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """One that serves within the `with` block; this process's clients find it."""
    found = ObjectStore()
    before = {name: os.environ.get(name) for name in found.environment}
    os.environ.update(found.environment)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
