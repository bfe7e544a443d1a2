"""What a customer says, a card or ID number in it, must not reach any log at any level."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from common.serving.logs import JsonLines

SECRET = "my card 4111 1111 1111 1111, ID 11010519491231002X"
PARTS = ("4111", "11010519491231002X", "my card")
# The asker's own, in the same process.
CLIENTS = ("httpx", "httpcore", "urllib3", "hypothesis")
TIME = "2026-01-01T00:00:00Z"
BODIES: tuple[Any, ...] = (
    {"question": SECRET},
    {"question": SECRET, "conversation_id": SECRET, "top_k": 99},
    {"question": {"text": SECRET}},
    {"input": [SECRET, SECRET]},
    {"input": SECRET, "model": SECRET, SECRET: SECRET},
    {"user_id": SECRET, "history": [{"item_id": SECRET, "timestamp": TIME}]},
    {"history": SECRET},
    {"events": [{"user_id": SECRET, "item_id": SECRET, "timestamp": TIME}]},
    {"shown": [{"impression_id": SECRET, "user_id": SECRET, "items": [{"item_id": SECRET}]}]},
    {"records": [{"id": SECRET, "published_at": TIME, "text": SECRET}]},
    {"records": [{"id": SECRET, "published_at": SECRET, "title": SECRET}]},
    {"key": SECRET, "by": SECRET, "for": SECRET, "comment": SECRET, "until": SECRET},
    [SECRET],
    SECRET,
)
RAW = (f'{{"question": "{SECRET}"'.encode(), SECRET.encode(), SECRET.encode("utf-16"))
TOO_LARGE = (SECRET * 100_000).encode()


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Each record of this process at any level, as JSON and plain."""
    lines: list[str] = []
    plain = logging.Formatter("%(name)s %(levelname)s %(message)s")
    formatters = (JsonLines(), plain)

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(CLIENTS):
                kept, record.exc_text = record.exc_text, None
                lines.extend(formatter.format(record) for formatter in formatters)
                record.exc_text = kept

    handler, root = Keep(logging.DEBUG), logging.getLogger()
    loggers = [
        root,
        *(logging.getLogger(name) for name in ("common", "apps", "uvicorn", "asyncio")),
    ]
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def say_it_everywhere(address: str, *, endless: tuple[str, ...] = ()) -> int:
    """Send it to every route in every place; gives the number of requests."""
    sent = 0
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    with httpx.Client(base_url=address, timeout=60, headers={"X-Note": SECRET}) as client:
        for path, operations in paths.items():
            if path in endless:
                continue
            at = re.sub(r"{[^}]*}", quote(SECRET, safe=""), path)
            client.get(at, params={"q": SECRET, "k": SECRET, "key": SECRET, "language": SECRET})
            sent += 1
            for method in operations.keys() - {"get"}:
                for body in BODIES:
                    client.request(method, at, json=body, params={"by": SECRET})
                for content in (*RAW, TOO_LARGE):
                    for kind in ("application/json", "text/plain"):
                        client.request(method, at, content=content, headers={"Content-Type": kind})
                sent += len(BODIES) + 2 * (len(RAW) + 1)
        client.get(f"/nowhere/{quote(SECRET)}", headers={"X-API-Key": SECRET})
    return sent


def assert_silent(lines: list[str]) -> None:
    """None of it is anywhere in what was written."""
    written = "\n".join(lines)
    for part in PARTS:
        assert part not in written, written[max(0, written.index(part) - 500) :][:1000]
