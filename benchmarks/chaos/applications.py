"""The three servers: what is told to them, and where it must stand once it is acknowledged."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apps.finance_monitor.state.opening import store_path
from apps.recommender.learning.store import EventStore
from benchmarks.chaos.rounds import Scene
from benchmarks.chaos.stores import shop
from common.learning.store import FeedbackStore
from common.storage.database import DATABASE, Database

# Older than any jump of the clock: what is dated ahead of it would be refused, rightly.
BEGIN = datetime.now(UTC) - timedelta(days=10)
LETTERS = "abcdefghij"


@dataclass(frozen=True)
class Application:
    """One server, as a client knows it.

    Attributes:
        options: of `serve`, beside its store.
        body: what is posted to `route` under a name.
        stored: how often each name stands in a store, or in a database by its URL.
        has_database: its rows may go to PostgreSQL.
    """

    name: str
    route: str
    options: Callable[[Scene], tuple[object, ...]]
    body: Callable[[str], dict[str, Any]]
    stored: Callable[[Path, str | None], Counter[str]]
    has_database: bool = True


def name_of(number: int) -> str:
    """A name of letters alone: digits could be somebody's, and be masked."""
    return "note " + "".join(LETTERS[int(digit)] for digit in str(number))


def _feedback(store: Path, url: str | None) -> Counter[str]:
    database = Database(url or store / DATABASE)
    try:
        rows = FeedbackStore(database, "customer_service").feedback()
    finally:
        database.close()
    return Counter(row.text for row in rows)


def _events(store: Path, url: str | None) -> Counter[str]:
    database = Database(url or store / DATABASE)
    try:
        rows = EventStore(database, "recommender").latest(limit=1_000_000)
    finally:
        database.close()
    return Counter(row.item_id for row in rows)


def _stories(store: Path, _: str | None) -> Counter[str]:
    path = store_path(store / "finance_monitor")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        return Counter(row[0] for row in database.execute("SELECT id FROM stories"))


def _dated(name: str) -> str:
    number = int("".join(str(LETTERS.index(letter)) for letter in name.removeprefix("note ")))
    return (BEGIN + timedelta(seconds=number)).isoformat()


APPLICATIONS = {
    "customer_service": Application(
        "customer_service",
        "/v1/feedback",
        lambda _: (),
        lambda name: {"answer_id": "none", "question": name, "verdict": "bad"},
        _feedback,
    ),
    "finance_monitor": Application(
        "finance_monitor",
        "/v1/stories",
        lambda _: (),
        lambda name: {"stories": [{"id": name, "published_at": _dated(name), "text": name * 9}]},
        _stories,
        has_database=False,
    ),
    "recommender": Application(
        "recommender",
        "/v1/events",
        lambda scene: shop(scene.files),
        lambda name: {"events": [{"user_id": "user-001", "item_id": name}]},
        _events,
    ),
}
