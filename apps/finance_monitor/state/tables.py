"""The tables of a monitor, and what each version added; written as for SQLite."""

from __future__ import annotations

import json

from apps.finance_monitor.state.backend import Backend
from common.console import progress
from common.records.text import searchable

SCHEMA = """
CREATE TABLE state (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE stories (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    published REAL NOT NULL,
    duplicate_of TEXT,
    entities TEXT NOT NULL,
    signature BLOB,
    content TEXT NOT NULL
);
CREATE INDEX stories_by_time ON stories (published);
CREATE INDEX stories_by_original ON stories (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE TABLE negatives (key TEXT, published REAL, sequence INTEGER, negative REAL);
CREATE INDEX negatives_by_key ON negatives (key, published);
CREATE TABLE windows (
    start REAL, key TEXT, negative INTEGER, positive INTEGER, stories INTEGER,
    expected REAL, surprise REAL,
    PRIMARY KEY (start, key)
) WITHOUT ROWID;
CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY, key TEXT, status TEXT, starts REAL, content TEXT NOT NULL,
    muted_by TEXT, notified_at TEXT, escalated_at TEXT,
    acknowledged_by TEXT, acknowledged_at TEXT, closed_by TEXT, closed_at TEXT
);
CREATE TABLE silences (
    silence_id INTEGER PRIMARY KEY, key TEXT, until TEXT, by TEXT, comment TEXT
);
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY, idempotency_key TEXT, sink TEXT, body TEXT,
    attempts INTEGER DEFAULT 0, error TEXT, delivered_at TEXT,
    UNIQUE (idempotency_key, sink)
);
"""


REFUSED = """
CREATE TABLE refused (
    id TEXT, published REAL, refused_at REAL, PRIMARY KEY (id, published)
) WITHOUT ROWID;
"""


JUDGED = """
ALTER TABLE alerts ADD COLUMN verdict TEXT;
ALTER TABLE alerts ADD COLUMN verdict_reason TEXT;
ALTER TABLE alerts ADD COLUMN verdict_by TEXT;
ALTER TABLE alerts ADD COLUMN verdict_at TEXT;
"""


TEXTS = """
CREATE TABLE texts (key TEXT PRIMARY KEY, id TEXT, published REAL) WITHOUT ROWID;
"""


FOLDED = """
CREATE TABLE folded (sequence INTEGER PRIMARY KEY, text TEXT NOT NULL);
"""


# What each version added to the one before.
VERSIONS = (SCHEMA, REFUSED, JUDGED, TEXTS, FOLDED)
FILLED_TOGETHER = 1000


def folded(*parts: str | None) -> str:
    """Title, text and body of a story as they are searched."""
    # PostgreSQL keeps no NUL, and nobody looks for one.
    return searchable(" ".join(part or "" for part in parts)).replace("\0", "")


def fill_new(backend: Backend) -> None:
    """Fold the stories that are not folded; in a transaction.

    An older version kept them; it may have gone on for a while after the tables had become those
    of this one.
    """
    (found,) = backend.rows("SELECT coalesce(max(sequence), -1) AS last FROM folded")
    last = found["last"]
    (found,) = backend.rows("SELECT count(*) AS stories FROM stories WHERE sequence > ?", last)
    if not found["stories"]:
        return
    with progress("Folding stories for the search", found["stories"]) as advance:
        while rows := backend.rows(
            "SELECT sequence, content FROM stories WHERE sequence > ? ORDER BY sequence LIMIT ?",
            last,
            FILLED_TOGETHER,
        ):
            last = rows[-1]["sequence"]
            texts = [(row["sequence"], _folded_in(row["content"])) for row in rows]
            backend.executemany("INSERT INTO folded VALUES (?, ?)", texts)
            advance(len(rows))


def _folded_in(content: str) -> str:
    story = json.loads(content)
    return folded(story.get("title"), story.get("text"), story.get("body"))
