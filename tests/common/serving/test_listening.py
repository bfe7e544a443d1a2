"""A server process from its first line to its exit code."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest

from apps.finance_monitor.options_cli import TITLE
from common.errors import UserError
from common.serving.listening_cli import AccessOptions
from common.serving.run import _bind, _listen, check_address, serve

# It answers when a line comes on its stdin, and says on stdout how far it is.
SERVER = """
import sys
from contextlib import asynccontextmanager
from fastapi import FastAPI
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.keys.scopes import NEEDS
from common.serving.run import serve
from common.serving.telemetry import Telemetry

def tell(text):
    print(text, flush=True)

def model(items):
    tell("computing")
    sys.stdin.readline()
    return items

def make_app():
    batcher = Batcher(model, cost=len, budget=10, queue_bound=10)

    @asynccontextmanager
    async def lifespan(app):
        yield
        await batcher.drain()
        tell("drained")

    app = create_app(
        title="test", version="1", description="", is_ready=lambda: (True, {}),
        lifespan=lifespan, telemetry=Telemetry(), max_body_bytes=1000,
        needs={**NEEDS, "GET /answer": "nothing"},
    )

    @app.get("/answer")
    async def answer() -> str:
        return await batcher.submit("answered")

    return app

serve(
    make_app, sys.argv[1], 0, has_api_keys=False, on_listening=tell,
    without_keys=sys.argv[1] == "0.0.0.0",
)
tell("returned")
"""


@contextmanager
def process(host: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVER, host]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def next_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def is_open(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((str(parts.hostname), parts.port or 0)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_finishes_what_it_accepted_and_exits_with_0(
    stop: signal.Signals, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    with process("127.0.0.1") as running, ThreadPoolExecutor() as clients:
        address = next_line(running)
        accepted = clients.submit(httpx.get, f"{address}/answer", timeout=60)
        assert next_line(running) == "computing"
        running.send_signal(stop)
        eventually(lambda: not is_open(address))
        assert not accepted.done()
        _, log = running.communicate("go\n", timeout=60)
        assert accepted.result().json() == "answered"
        assert running.returncode == 0
    # Stderr holds the request's line and nothing else: no traceback, no warning.
    [line] = map(json.loads, log.splitlines())
    assert (line["route"], line["status"]) == ("/answer", 200)


def test_a_stopped_server_runs_its_own_end_and_returns() -> None:
    with process("127.0.0.1") as running:
        next_line(running)
        running.send_signal(signal.SIGTERM)
        told, _ = running.communicate(timeout=60)
    assert told.split() == ["drained", "returned"]


def test_a_server_open_to_others_without_keys_warns() -> None:
    with process("0.0.0.0") as running:
        address = next_line(running)
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(f"{address}/healthz").status_code == 200
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=60)
    assert "no API keys" in log


def test_others_get_no_server_without_keys_unless_somebody_says_so() -> None:
    told = refusal("0.0.0.0", 0, has_api_keys=False)
    assert "anybody who reaches 0.0.0.0 could use this server" in told
    assert "--api-key-file" in told
    assert "--without-keys" in told


def refusal(host: str, port: int, *, has_api_keys: bool = True) -> str:
    def make_app() -> None:
        raise AssertionError("the application must not be loaded for an address that cannot be had")

    with pytest.raises(UserError) as error:
        serve(
            make_app,  # type: ignore[arg-type]
            host,
            port,
            has_api_keys=has_api_keys,
            on_listening=print,
        )
    return str(error.value)


def test_a_port_in_use_is_told_before_anything_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal("127.0.0.1", port)
    assert f"port {port} is in use" in told
    assert "--port N" in told


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("no.such.host.invalid", "no such host"),
        ("a" * 64, "no such host"),
        ("192.0.2.1", "192.0.2.1 is no address of this machine"),
    ],
)
def test_a_host_that_is_not_here_is_told(host: str, told: str) -> None:
    assert told in refusal(host, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_told(port: int) -> None:
    assert f"no such port: {port}" in refusal("127.0.0.1", port)


@contextmanager
def answering(text: str) -> Iterator[int]:
    """A server that says so to whatever is asked; its port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_who_stands_by_learns_at_once_that_another_program_has_the_port() -> None:
    alive = {"status": "alive", "server": "bizlm recommender"}
    for told in ("<title>a wiki</title>", "[]", "{}", json.dumps(alive)):
        with answering(told) as port:
            with pytest.raises(UserError, match=f"port {port} is in use"):
                check_address("127.0.0.1", port, TITLE)
            with pytest.raises(UserError, match=f"port {port} is in use"):
                AccessOptions("127.0.0.1").check(port, TITLE)
    for told in ({"status": "alive"}, {**alive, "server": TITLE}):
        with answering(json.dumps(told)) as port:
            check_address("127.0.0.1", port, TITLE)
    with pytest.raises(UserError, match="no address of this machine"):
        check_address("192.0.2.1", port, TITLE)


def test_who_stands_by_takes_nothing_from_who_begins() -> None:
    with _bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        check_address("127.0.0.1", port, TITLE)
        with _listen("127.0.0.1", port), pytest.raises(UserError, match="in use"):
            _listen("127.0.0.1", port)
