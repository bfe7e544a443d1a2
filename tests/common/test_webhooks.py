"""What is sent to somebody else's address goes there, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.webhooks import DeliveryError, send_json


class _Server(ThreadingHTTPServer):
    """Answers all with a status and, if there is one, a place to go on to."""

    def __init__(self, status: int = 200, location: str = "") -> None:
        self.status, self.location = status, location
        self.got: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append((self.command, self.path, dict(self.headers)))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _running(server: _Server) -> Iterator[_Server]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_redirect_is_not_followed_and_is_no_delivery(status: int, method: str) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(_running(_Server()))
        moved = stack.enter_context(_running(_Server(status, f"{other.url}/T0KEN")))
        with pytest.raises(DeliveryError, match="give the address") as told:
            send_json(
                moved.url,
                {"a": 1},
                key="k",
                secret="s3cret",
                method=method,
                headers={"Authorization": "Bearer x"},
            )
        assert not other.got
        assert [found[0] for found in moved.got] == [method]
    assert f"HTTP {status}" in str(told.value)
    assert "T0KEN" not in str(told.value)
    assert not told.value.is_refusal, "it waits until the address is put right"


@pytest.mark.parametrize("location", ["", "http://[broken", "ftp://elsewhere.example/", "/there"])
def test_wherever_it_leads_the_error_is_the_same(location: str) -> None:
    with _running(_Server(302, location)) as moved, pytest.raises(DeliveryError):
        send_json(moved.url, {}, key="k")


def test_this_machine_is_told_only_if_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    with _running(_Server()) as server:
        send_json(server.url, {}, key="k")
        monkeypatch.delenv("BIZLM_ALLOW_ADDRESS")
        with pytest.raises(DeliveryError, match="--allow-address"):
            send_json(server.url, {}, key="k")
        assert len(server.got) == 1
