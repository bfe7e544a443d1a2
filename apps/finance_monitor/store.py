"""What the monitor keeps of stories, windows and alerts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.state.backend import Backend, Row
from apps.finance_monitor.state.opening import Place, open_backend
from apps.finance_monitor.state.tables import folded
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.watch.monitor import Closed, Late

READ_TOGETHER = 1000
# So many values a statement may name.
NAMED_TOGETHER = 1000

# A story, and the signature by which its copies and its line are found.
Signed = tuple[ScoredRecord, NDArray[np.uint32] | None]


@dataclass(frozen=True)
class Remembered:
    """A story within the window of duplicates."""

    id: str
    published: float
    entities: list[str]
    signature: NDArray[np.uint32] | None
    said: dict[str, Any]


def signature_in(row: Row) -> NDArray[np.uint32] | None:
    """The signature of a row of `stories`; None of a text that is too short."""
    kept = row["signature"]
    return None if kept is None else np.frombuffer(kept, np.uint32)


class Store:
    """Stories, counts and alerts, kept where a backend keeps them.

    What is read is read within the transaction that is open, if there is one.

    Args:
        place: a file, or the URL of a database in PostgreSQL; None: nothing is kept.
        leads: as the only process that watches.
        waits: until no other one does.
        before: a file with which a database that is empty goes on.

    Raises:
        UserError: it cannot be opened, or another process leads.
    """

    def __init__(
        self,
        place: Place | None,
        *,
        leads: bool = False,
        waits: bool = False,
        before: Path | None = None,
    ) -> None:
        self._backend = open_backend(place, leads=leads, waits=waits, before=before)
        self.sql = self._backend.sql
        self.where = self._backend.where
        self.trouble = self._backend.trouble
        self.check = self._backend.check
        self.close = self._backend.close

    def transaction(self) -> AbstractContextManager[Backend]:
        """All that is executed within it or nothing."""
        return self._backend.transaction()

    def rows(self, query: str, *values: object) -> list[Row]:
        """The rows of a query."""
        return self._backend.rows(query, *values)

    def rows_beside(self, query: str, *values: object) -> list[Row]:
        """As `rows`, of a query that may take long: writing does not wait for it."""
        return self._backend.rows_beside(query, *values)

    def rows_of(self, query: str, named: Sequence[object], *values: object) -> list[Row]:
        """The rows of a query that names values in `IN ({})`, however many they are."""
        found: list[Row] = []
        for start in range(0, len(named), NAMED_TOGETHER):
            some = named[start : start + NAMED_TOGETHER]
            found += self.rows(query.format(",".join("?" * len(some))), *some, *values)
        return found

    def read_state(self, name: str) -> bytes | None:
        """What `write_state` kept under `name`."""
        found = self.rows("SELECT content FROM state WHERE name = ?", name)
        return bytes(found[0]["content"]) if found else None

    def write_state(self, name: str, content: bytes) -> None:
        """Keep `content`; to be called within a transaction."""
        self._backend.execute(
            "INSERT INTO state VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET content = excluded.content",
            (name, content),
        )

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are kept already."""
        return {row["id"] for row in self.rows_of("SELECT id FROM stories WHERE id IN ({})", ids)}

    def same_texts(self, keys: Sequence[str], since: float) -> dict[str, str]:
        """By `text_key`, a story published since then with that text."""
        query = "SELECT key, id FROM texts WHERE key IN ({}) AND published >= ?"
        return {row["key"]: row["id"] for row in self.rows_of(query, keys, since)}

    def add_texts(self, texts: Iterable[tuple[str, ScoredRecord]]) -> None:
        """Keep for which story each text was read; to be called within a transaction."""
        self._backend.executemany(
            "INSERT INTO texts VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET id = excluded.id, published = excluded.published",
            [(key, story.id, story.published_at.timestamp()) for key, story in texts],
        )

    def story(self, identity: str) -> ScoredRecord | None:
        """A story by its id."""
        found = self.rows("SELECT content FROM stories WHERE id = ?", identity)
        return ScoredRecord.model_validate_json(found[0]["content"]) if found else None

    def latest_stories(self, limit: int) -> list[ScoredRecord]:
        """Those that came last, newest first."""
        rows = self.rows("SELECT content FROM stories ORDER BY sequence DESC LIMIT ?", limit)
        return [ScoredRecord.model_validate_json(row["content"]) for row in rows]

    def all_stories(self) -> Iterator[Signed]:
        """Every story that is kept, in the order they came, each with its signature."""
        last = 0
        while rows := self.rows(
            "SELECT sequence, content, signature FROM stories WHERE sequence > ?"
            " ORDER BY sequence LIMIT ?",
            last,
            READ_TOGETHER,
        ):
            last = rows[-1]["sequence"]
            for row in rows:
                story = ScoredRecord.model_validate_json(row["content"])
                yield story, signature_in(row)

    def stories_after(self, sequence: int) -> list[tuple[int, ScoredRecord]]:
        """The next stories in the order they came, some of them, each with its sequence."""
        rows = self.rows(
            "SELECT sequence, content FROM stories WHERE sequence > ? ORDER BY sequence LIMIT ?",
            sequence,
            READ_TOGETHER,
        )
        return [(row["sequence"], ScoredRecord.model_validate_json(row["content"])) for row in rows]

    def last_sequence(self) -> int:
        """Of the story that came last; 0: none did."""
        return int(self.rows("SELECT coalesce(max(sequence), 0) AS last FROM stories")[0]["last"])

    def originals_since(self, time: float) -> Iterator[Remembered]:
        """Stories that are no copies, in the order they came."""
        for row in self.rows(
            "SELECT id, published, entities, signature,"
            f" {self.sql.text_at('content', 'sentiment.label')} AS label,"
            f" coalesce({self.sql.text_at('content', 'targets')}, '[]') AS targets FROM stories"
            " WHERE published >= ? AND duplicate_of IS NULL ORDER BY sequence",
            time,
        ):
            entities = json.loads(row["entities"])
            said = {"": row["label"]}
            said |= {one["entity"]: one.get("sentiment") for one in json.loads(row["targets"])}
            yield Remembered(row["id"], row["published"], entities, signature_in(row), said)

    def add_stories(
        self,
        stories: Iterable[tuple[int, ScoredRecord, NDArray[np.uint32] | None]],
        negatives: Iterable[tuple[str, float, int, float]],
    ) -> None:
        """Keep stories by their sequence, and for each key those that are negative on it."""
        kept = list(stories)
        self._backend.executemany(
            "INSERT INTO stories VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    sequence,
                    story.id,
                    story.published_at.timestamp(),
                    story.duplicate_of,
                    json.dumps(story.entities, ensure_ascii=False),
                    None if signature is None else signature.tobytes(),
                    story.model_dump_json(exclude_none=True),
                )
                for sequence, story, signature in kept
            ],
        )
        self._backend.executemany(
            "INSERT INTO folded VALUES (?, ?)",
            [(number, folded(one.title, one.text, one.body)) for number, one, _ in kept],
        )
        self._backend.executemany("INSERT INTO negatives VALUES (?, ?, ?, ?)", list(negatives))

    def add_windows(self, closed: Iterable[Closed], late: Iterable[Late]) -> None:
        """Keep closed windows, and count late stories in theirs."""
        self._backend.executemany(
            "INSERT INTO windows VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (start, key) DO UPDATE SET negative = excluded.negative,"
            " positive = excluded.positive, stories = excluded.stories,"
            " expected = excluded.expected, surprise = excluded.surprise",
            [
                (window.start, key, *window.counts.get(key, (0, 0, 0)), expected, surprise)
                for window in closed
                for key, expected in window.expected.items()
                if (surprise := window.surprise[key]) or key in window.counts
            ],
        )
        self._backend.executemany(
            "INSERT INTO windows VALUES (?, ?, ?, ?, 1, 0, 0)"
            " ON CONFLICT (start, key) DO UPDATE SET"
            " negative = windows.negative + excluded.negative,"
            " positive = windows.positive + excluded.positive, stories = windows.stories + 1",
            [
                (story.start, key, int(sentiment == "negative"), int(sentiment == "positive"))
                for story in late
                for key, sentiment in story.keys.items()
            ],
        )

    def share_of(self, key: str, other: str, start: float, end: float, sequence: int) -> float:
        """How many of a key's negative stories, as known at `sequence`, concern the other too."""
        found = self.rows(
            "SELECT COUNT(*) AS all_, COUNT(m.sequence) AS both_ FROM negatives n"
            " LEFT JOIN negatives m ON m.sequence = n.sequence AND m.key = ?"
            " AND m.published >= ? AND m.published < ?"
            " WHERE n.key = ? AND n.published >= ? AND n.published < ? AND n.sequence <= ?",
            *(other, start, end),
            *(key, start, end, sequence),
        )[0]
        return found["both_"] / found["all_"] if found["all_"] else 0.0

    def write_alert(self, alert: Alert, muted_by: str | None) -> None:
        """Keep an alert as it stands now; what people did about it stays.

        A resolved one keeps what muted it before.
        """
        self._backend.execute(
            "INSERT INTO alerts (alert_id, key, status, starts, content, muted_by)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (alert_id) DO UPDATE SET"
            " status = excluded.status, content = excluded.content,"
            " muted_by = CASE excluded.status WHEN 'resolved' THEN alerts.muted_by"
            " ELSE excluded.muted_by END",
            (
                alert.alert_id,
                alert.key,
                alert.status,
                alert.starts_at.timestamp(),
                alert.model_dump_json(),
                muted_by,
            ),
        )

    def forget_before(self, time: float) -> None:
        """Let go of stories, windows and what was delivered before `time`; alerts are kept.

        Who was notified of an alert that goes on stays known: they are told of its end.
        """
        with self.transaction() as database:
            database.execute(
                "DELETE FROM folded WHERE sequence IN"
                " (SELECT sequence FROM stories WHERE published < ?)",
                (time,),
            )
            for table, column in (
                ("stories", "published"),
                ("texts", "published"),
                ("negatives", "published"),
                ("windows", "start"),
                ("refused", "refused_at"),
            ):
                database.execute(f"DELETE FROM {table} WHERE {column} < ?", (time,))
            database.execute(
                "DELETE FROM outbox WHERE delivered_at < ? AND NOT EXISTS (SELECT 1 FROM alerts"
                " WHERE status != 'resolved' AND outbox.body LIKE '%' || alert_id || '%')",
                (datetime.fromtimestamp(time, UTC).isoformat(),),
            )

    def trend(self, since: float) -> dict[str, list[dict[str, Any]]]:
        """Closed windows by key, in the order of time."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows("SELECT * FROM windows WHERE start >= ? ORDER BY start", since):
            found.setdefault(row["key"], []).append(dict(row))
        return found
