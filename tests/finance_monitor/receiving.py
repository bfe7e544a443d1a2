"""A receiver for real, and what is told to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from news import at

from apps.finance_monitor.alerts.delivery import Delivery, enqueue
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Alert, Evidence, Window


def an_alert(identity: str = "a1", status: str = "firing", key: str = "company/Alba") -> Alert:
    return Alert(
        alert_id=identity,
        fingerprint="f1",
        status=status,
        severity="warning",
        key=key,
        starts_at=at(1),
        ends_at=at(4) if status == "resolved" else None,
        window=Window(start=at(1), end=at(2)),
        observed=12,
        expected=1.5,
        share=0.8,
        surprise=1.7,
        false_alarm_budget="1 per 30d",
        evidence=[
            Evidence(id="s", published_at=at(1), headline="Alba collapses", negative=0.9, outlets=3)
        ],
        fired_at=at(2),
    )


def a_notification(identity: str = "a1", status: str = "firing") -> Notification:
    return Notification(alerts=[an_alert(identity, status)])


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets; answers 503 while `down`, and else as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.down = False
        # Its first answers, one an attempt.
        self.first: list[int] = []
        # In which bodies, and with which status.
        self.refusal: tuple[bytes, int] | None = None
        # Where a redirect leads, and what was asked for by GET.
        self.moved_to: str | None = None
        self.asked: list[str] = []
        self.attempts = 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.attempts += 1
        refusal = self.server.refusal
        if self.server.moved_to:
            self.send_response(302)
            self.send_header("Location", self.server.moved_to)
        elif self.server.first:
            self.send_response(self.server.first.pop(0))
        elif self.server.down:
            self.send_response(503)
        elif refusal and refusal[0] in body:
            self.send_response(refusal[1])
        else:
            self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def enqueue_for(store: Store, delivery: Delivery, notification: Notification) -> None:
    with store.transaction() as database:
        enqueue(database, dict.fromkeys(delivery.sinks, ""), notification)
    delivery.wake()
