"""A table read as a feed: once, from its first row to its last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.lines import reject
from apps.finance_monitor.schema import FeedRecord
from common.console import say
from common.records.columns import guessed, match_columns
from common.records.reader import BadRowError, parse_row
from common.records.rows import Broken, read_rows


class TableFeed:
    """Rows of a CSV, TSV, Excel, JSON or Parquet file as records, columns by their usual names.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, path: Path, *, record: type[FeedRecord] = FeedRecord) -> None:
        self._rows = read_rows(path)
        self._record = record
        self._next = 0
        columns = {name for _, row in self._rows if isinstance(row, dict) for name in row}
        self._sources = match_columns(record.model_fields, sorted(columns), {})
        if said := guessed(self._sources, {}):
            say(f"{path}: read {said}")

    def __len__(self) -> int:
        return len(self._rows)

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records` rows; there is nothing to wait for."""
        rows = self._rows[self._next : self._next + max_records]
        self._next += len(rows)
        records, rejected = [], []
        for place, row in rows:
            item = self._read(place, row)
            if isinstance(item, Rejected):
                rejected.append(item)
            else:
                records.append(item)
        left = len(self._rows) - self._next
        return Batch(records, rejected, None, backlog=left, ended=not left)

    def _read(self, place: str, row: dict[str, Any] | Broken) -> FeedRecord | Rejected:
        if isinstance(row, Broken):
            return reject(place, row.reason, str(row.content).encode())
        try:
            return parse_row(self._record, row, self._sources)
        except BadRowError as error:
            raw = json.dumps(row, ensure_ascii=False, default=str).encode()
            return reject(place, str(error), raw)

    def acknowledge(self, position: Position) -> None:
        """Nothing: a table keeps nothing."""

    def close(self) -> None:
        """Nothing: the file is closed."""
