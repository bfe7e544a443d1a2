"""Several processes behind one port: replaced when killed, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

SERVER = """
import os, sys
from contextlib import asynccontextmanager
from common.errors import UserError
from common.serving.app import create_app
from common.serving.keys.scopes import NEEDS
from common.serving.run import serve
from common.serving.telemetry import Telemetry

def tell(text):
    print(text, flush=True)

def make_app():
    if sys.argv[1:]:
        raise UserError(sys.argv[1])

    @asynccontextmanager
    async def lifespan(app):
        yield
        tell("drained")

    app = create_app(
        title="test", version="1", description="", is_ready=lambda: (True, {}),
        lifespan=lifespan, telemetry=Telemetry(), max_body_bytes=1000,
        needs={**NEEDS, "GET /process": "nothing"},
    )

    @app.get("/process")
    async def process() -> int:
        return os.getpid()

    return app

serve(make_app, "127.0.0.1", 0, has_api_keys=False, on_listening=tell, workers=2)
tell("returned")
"""


def begin(log: Path, *arguments: str) -> subprocess.Popen[str]:
    """A server whose log goes to a file: a pipe that nobody reads would stop it once full."""
    command = [sys.executable, "-c", SERVER, *arguments]
    with log.open("w", encoding="utf-8") as said:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def running(log: Path) -> Iterator[subprocess.Popen[str]]:
    with begin(log) as process:
        try:
            yield process
        finally:
            process.kill()


def address_of(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def answering(address: str) -> set[int]:
    """The processes that answer, asked over connections of their own."""
    return {httpx.get(f"{address}/process").json() for _ in range(20)}


def is_there(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


Eventually = Callable[[Callable[[], bool]], None]


def test_a_killed_worker_is_replaced_and_all_end_together(
    running: subprocess.Popen[str], log: Path, eventually: Eventually
) -> None:
    address = address_of(running)
    found: set[int] = set()
    eventually(lambda: len(found.update(answering(address)) or found) == 2)
    killed, other = found
    os.kill(killed, signal.SIGKILL)
    # Whoever asks meanwhile is answered by the other.
    assert other in answering(address)
    eventually(lambda: len(answering(address) - {killed, other}) == 1)
    running.send_signal(signal.SIGTERM)
    told, _ = running.communicate(timeout=60)
    assert told.split() == ["drained", "drained", "returned"]
    assert running.returncode == 0
    assert f"Worker {killed} ended (SIGKILL): another one begins." in log.read_text(
        encoding="utf-8"
    )


def test_metrics_are_of_all_workers_whoever_tells_them(
    running: subprocess.Popen[str], eventually: Eventually
) -> None:
    address = address_of(running)
    # A kept connection stays with the worker that accepted it.
    workers: dict[int, httpx.Client] = {}
    asked: list[int] = []

    def ask(client: httpx.Client) -> int:
        asked.append(1)
        process: int = client.get("/process").json()
        return process

    def both_are_known() -> bool:
        client = httpx.Client(base_url=address)
        closing.callback(client.close)
        workers.setdefault(ask(client), client)
        return len(workers) == 2

    def counted(client: httpx.Client) -> float:
        told = client.get("/metrics").text
        families = {one.name: one for one in text_string_to_metric_families(told)}
        samples = families["bizlm_http_requests"].samples
        return sum(one.value for one in samples if one.labels.get("route") == "/process")

    with ExitStack() as closing:
        eventually(both_are_known)
        # Those of the others are of a second ago at the most. Each telling the same
        # means that each has written down all that it counted.
        eventually(lambda: all(counted(one) == len(asked) for one in workers.values()))
        killed, left = workers
        os.kill(killed, signal.SIGKILL)
        # What was counted by one that is gone stays counted.
        ask(workers[left])
        eventually(lambda: counted(workers[left]) == len(asked))


def test_workers_end_with_the_process_that_began_them(
    running: subprocess.Popen[str], eventually: Eventually
) -> None:
    found = answering(address_of(running))
    running.kill()
    eventually(lambda: not any(map(is_there, found)))


def test_a_worker_that_cannot_begin_ends_all_with_its_reason(log: Path) -> None:
    with begin(log, "there is no release") as process:
        told, _ = process.communicate(timeout=60)
    assert told == ""
    assert process.returncode == 2
    said = log.read_text(encoding="utf-8")
    assert "Error: there is no release" in said
    assert "Traceback" not in said
