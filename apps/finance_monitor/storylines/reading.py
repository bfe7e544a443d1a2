"""Story lines out of the store: those behind an alert, and those of a span of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.state.backend import Row
from apps.finance_monitor.store import Store, signature_in
from apps.finance_monitor.storylines.lines import (
    SAME_LINE_FROM,
    Original,
    StoryLine,
    story_lines,
)

# Of more stories than these, the most negative are looked at.
MOST_READ = 500
COLUMNS = "s.sequence, s.id, s.content, s.signature"


def negative_lines(
    store: Store, key: str, start: float, end: float, sequence: int, limit: int
) -> list[StoryLine]:
    """The most negative story lines of a key in a window, as known at `sequence`."""
    rows = store.rows(
        f"SELECT {COLUMNS} FROM negatives n JOIN stories s USING (sequence)"
        " WHERE n.key = ? AND n.published >= ? AND n.published < ? AND n.sequence <= ?"
        " ORDER BY n.negative DESC, n.sequence LIMIT ?",
        key,
        start,
        end,
        sequence,
        MOST_READ,
    )
    negative = _originals(store, rows, sequence)
    lines = story_lines(negative, _others_like(store, negative, start, end, sequence))

    def rank(line: StoryLine) -> tuple[float, int]:
        return -round(line.negative_on(key) or 0.0, 2), -len(line.stories)

    # Of equals the one that began first: the sort keeps their order.
    return sorted(lines, key=rank)[:limit]


def lines_between(store: Store, start: float, end: float) -> list[StoryLine]:
    """The story lines whose first stories were published in a span of time, as they stand now."""
    rows = store.rows(
        f"SELECT {COLUMNS} FROM stories s WHERE s.published >= ? AND s.published < ?"
        " AND s.duplicate_of IS NULL ORDER BY s.sequence",
        start,
        end,
    )
    return story_lines(_originals(store, rows, store.last_sequence()))


def _others_like(
    store: Store, originals: Sequence[Original], start: float, end: float, sequence: int
) -> list[Original]:
    """Further stories of a window that resemble one of these, whatever they say."""
    known = {one.sequence for one in originals}
    rows = [
        row
        for row in store.rows(
            "SELECT sequence, signature FROM stories WHERE published >= ? AND published < ?"
            " AND sequence <= ? AND duplicate_of IS NULL AND signature IS NOT NULL",
            start,
            end,
            sequence,
        )
        if row["sequence"] not in known
    ]
    held = [one.signature for one in originals if one.signature is not None]
    if not rows or not held:
        return []
    signatures = np.frombuffer(b"".join(row["signature"] for row in rows), np.uint32)
    signatures = signatures.reshape(len(rows), -1)
    alike = np.zeros(len(rows), np.bool_)
    for signature in held:
        alike |= np.mean(signatures == signature, axis=1) >= SAME_LINE_FROM
    numbers = [rows[row]["sequence"] for row in np.flatnonzero(alike)[:MOST_READ]]
    query = f"SELECT {COLUMNS} FROM stories s WHERE s.sequence IN ({{}}) ORDER BY s.sequence"
    return _originals(store, store.rows_of(query, numbers), sequence)


def _originals(store: Store, rows: Sequence[Row], sequence: int) -> list[Original]:
    copies: dict[str, list[ScoredRecord]] = {}
    for copy in store.rows_of(
        "SELECT duplicate_of, content FROM stories WHERE duplicate_of IN ({})"
        " AND sequence <= ? ORDER BY sequence",
        [row["id"] for row in rows],
        sequence,
    ):
        story = ScoredRecord.model_validate_json(copy["content"])
        copies.setdefault(copy["duplicate_of"], []).append(story)
    return [
        Original(
            row["sequence"],
            ScoredRecord.model_validate_json(row["content"]),
            signature_in(row),
            copies.get(row["id"], []),
        )
        for row in rows
    ]
