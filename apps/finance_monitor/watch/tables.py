"""The tables of a monitor's file, and what each version added."""

from __future__ import annotations

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


# What each version added to the one before.
VERSIONS = (SCHEMA, REFUSED, JUDGED, TEXTS)
