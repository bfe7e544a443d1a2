"""Lines of a stream that is read once."""

from __future__ import annotations

import os
import select
import sys
from time import monotonic
from typing import BinaryIO

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.lines import CHUNK, LineParser, sort
from apps.finance_monitor.schema import FeedRecord


class StreamPosition(Position):
    """How many lines came; a stream cannot be read again."""

    line: int


class StdinFeed:
    """Lines of a stream, by default stdin, until its end."""

    def __init__(
        self,
        stream: BinaryIO | None = None,
        *,
        name: str = "stdin",
        record: type[FeedRecord] = FeedRecord,
    ) -> None:
        self._descriptor = (stream or sys.stdin.buffer).fileno()
        self._lines = LineParser(name, record)
        self._ended = False

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        records: list[FeedRecord] = []
        rejected: list[Rejected] = []
        deadline = monotonic() + timeout
        while len(records) + len(rejected) < max_records:
            taken = self._lines.take_rest() if self._ended else self._lines.take()
            if taken is not None:
                sort(taken.item, records, rejected)
                continue
            wait = 0.0 if records or rejected else max(0.0, deadline - monotonic())
            if self._ended or not self._fill(wait):
                break
        ended = self._ended and not len(self._lines)
        position = StreamPosition(line=self._lines.line)
        return Batch(records, rejected, position, ended=ended)

    def _fill(self, wait: float) -> bool:
        if not select.select([self._descriptor], [], [], wait)[0]:
            return False
        chunk = os.read(self._descriptor, CHUNK)
        self._lines.push(chunk)
        self._ended = not chunk
        return True

    def acknowledge(self, position: Position) -> None:
        """Nothing: a stream keeps nothing."""

    def close(self) -> None:
        """Nothing: the stream is not ours."""
