"""A recorded feed, replayed at a pace that one can watch."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from time import monotonic, sleep

from apps.finance_monitor.feeds.feed import Batch, Feed, Position
from apps.finance_monitor.schema import FeedRecord

TICK_SECONDS = 0.1


class PacedFeed:
    """Gives what lies before `begin` at once, and the rest `speed` times as fast as it happened."""

    def __init__(self, feed: Feed, begin: datetime, speed: float) -> None:
        self._feed = feed
        self._begin = begin
        self._speed = speed
        self._waiting: deque[FeedRecord] = deque()
        self._started: float | None = None
        self._ended = False

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records` whose time has come; waits `timeout` seconds for the first."""
        deadline = monotonic() + timeout
        while True:
            due = self._due(max_records)
            if due or self._is_over() or monotonic() >= deadline:
                return Batch(due, [], None, ended=self._is_over())
            sleep(TICK_SECONDS)

    def _due(self, most: int) -> list[FeedRecord]:
        if not self._ended and len(self._waiting) < most:
            batch = self._feed.read_batch(most)
            self._waiting.extend(batch.records)
            self._ended = batch.ended
        due: list[FeedRecord] = []
        while self._waiting and len(due) < most and self._has_come(self._waiting[0].published_at):
            due.append(self._waiting.popleft())
        return due

    def _has_come(self, time: datetime) -> bool:
        if time <= self._begin:
            return True
        if self._started is None:
            self._started = monotonic()
        passed = timedelta(seconds=(monotonic() - self._started) * self._speed)
        return time <= self._begin + passed

    def _is_over(self) -> bool:
        return self._ended and not self._waiting

    def acknowledge(self, position: Position) -> None:
        """Nothing: it starts afresh each time."""

    def close(self) -> None:
        """Close what it reads."""
        self._feed.close()
