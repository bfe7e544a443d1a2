"""A publisher for real: what a server of the web answers, and what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.finance_monitor.feeds.sources.source import Source
from apps.finance_monitor.feeds.sources.source_feed import SourceFeed, SourcesPosition

NOON = 1_772_452_800.0  # 2026-03-02 12:00 UTC

Answering = Callable[["Asked"], bytes | int]


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Publisher:
    """What a server answers by path, before its query: content, or what finds it."""

    documents: dict[str, bytes | Answering] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Where a path leads elsewhere.
    moved: dict[str, str] = field(default_factory=dict)
    # Seconds before a path answers.
    delays: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)

    def rss(self, path: str, *items: str) -> None:
        """Publish a document."""
        self.documents[path] = (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>News</title>'
            f"{''.join(f'<item>{item}</item>' for item in items)}</channel></rss>"
        ).encode()

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """The status and the content."""
        path = asked.path.partition("?")[0]
        time.sleep(self.delays.get(path, 0.0))
        found = self.documents.get(asked.path, self.documents.get(path, b""))
        content = found if isinstance(found, bytes) else found(asked)
        if isinstance(content, int):
            return content, b""
        if path in self.moved:
            return 302, b""
        return self.status, content


@contextmanager
def published(publisher: Publisher) -> Iterator[str]:
    """Serve it; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.path, dict(self.headers), body, time.monotonic())
            publisher.requests.append(asked)
            status, content = publisher.answer(asked)
            tag = f'"{hash(content)}"'
            if status == 200 and self.headers.get("If-None-Match") == tag:
                status = 304
            publisher.asked.append((self.path, status))
            self.send_response(status)
            self.send_header("ETag", tag)
            for name, value in publisher.headers.items():
                self.send_header(name, value)
            if status == 302:
                self.send_header("Location", publisher.moved[self.path])
            self.end_headers()
            if status == 200:
                self.wfile.write(content)

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def feed_of(
    sources: Sequence[Source], position: SourcesPosition | None = None, **more: Any
) -> SourceFeed:
    """A feed that waits for all of its sources, however busy this machine is."""
    return SourceFeed(sources, position, **{"patience": 30.0, **more})


def item(guid: str, title: str, date: str = "", summary: str = "", link: str = "") -> str:
    """An item of an RSS document."""
    dated = f"<pubDate>{date}</pubDate>" if date else ""
    linked = f"<link>{link}</link>" if link else ""
    return (
        f"<guid>{guid}</guid><title>{title}</title><description>{summary}</description>"
        f"{linked}{dated}"
    )
