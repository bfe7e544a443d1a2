"""From scored stories, one by one, to windows, trends and alerts.

Nothing here looks at a clock, a file or a batch: the same stories in the same order give the same
alerts, however they were cut and wherever a run was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from apps.finance_monitor.alerts.life import AlertBook, Change
from apps.finance_monitor.schema import Alert, ScoredRecord
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.detector import SurgeDetector
from apps.finance_monitor.surges.keys import keys_of
from apps.finance_monitor.surges.windows import ALL, NEGATIVE, Clock, Windows

# A feed that was silent for longer is taken up where it speaks again.
LONGEST_SILENCE = 60 * 24 * 3600.0


@dataclass(frozen=True)
class Rules:
    """What the user decides.

    Attributes:
        budget: false alarms that are tolerated, over all keys together.
        width: of a window, seconds.
        lateness: how long a window waits for late records, seconds.
        delay: how long a surge must go on before its alert fires, seconds.
    """

    budget: Budget
    width: float = 3600.0
    lateness: float = 300.0
    delay: float = 0.0


@dataclass(frozen=True)
class Closed:
    """A closed window: per key its counts [negative, positive, all], expectation, surprise."""

    start: float
    counts: dict[str, list[int]]
    expected: dict[str, float]
    surprise: dict[str, float]


@dataclass(frozen=True)
class Late:
    """A story for a window that is closed: it counts in the trend, and no longer for alerts."""

    start: float
    keys: dict[str, bool]
    is_positive: bool


class Monitor:
    """Takes in stories in the order of the feed.

    Args:
        keys: known beforehand; others join when they first appear.
    """

    def __init__(self, rules: Rules, keys: Sequence[str]) -> None:
        self.rules = rules
        self.clock = Clock()
        self.windows = Windows(rules.width, rules.lateness)
        self.detector = SurgeDetector(rules.width)
        self.book = AlertBook(rules.delay, str(rules.budget))
        self.tally: Counter[str] = Counter()
        self.sequence = 0
        self._keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._add_keys(keys)
        self._doubted: list[ScoredRecord] = []
        self._changes: list[Change] = []
        self._closed: list[Closed] = []
        self._late: list[Late] = []

    @property
    def keys(self) -> list[str]:
        """All that is watched."""
        return self._keys

    @property
    def alerts(self) -> list[Alert]:
        """Those that are not resolved."""
        return list(self.book.open.values())

    def observe(self, story: ScoredRecord) -> None:
        """Count one story; may close windows before."""
        self.sequence += 1
        self.tally["records"] += 1
        self.tally[story.sentiment.label or "abstained"] += 1
        time = story.published_at.timestamp()
        if not self.clock.advance(time):
            self._doubted.append(story)
            return
        for doubted in (*self._doubted, story):
            self._count(doubted)
        self._doubted = []
        assert self.clock.now is not None
        self._close(self.windows.close_until(self.clock.now))

    def finish(self) -> None:
        """Close what is open: the history ends here."""
        for doubted in self._doubted:
            self._count(doubted)
        self._doubted = []
        self._close(self.windows.close_rest())

    def take_changes(self) -> tuple[list[Change], list[Closed], list[Late]]:
        """What has happened since the last call."""
        taken = self._changes, self._closed, self._late
        self._changes, self._closed, self._late = [], [], []
        return taken

    def _count(self, story: ScoredRecord) -> None:
        time = story.published_at.timestamp()
        if story.duplicate_of:
            self.tally["duplicates"] += 1
            return
        keys, is_positive = keys_of(story), story.sentiment.label == "positive"
        self._add_keys(keys)
        if self.windows.is_late(time):
            self.tally["late"] += 1
            self._late.append(Late(self.windows.start_of(time), keys, is_positive))
            return
        self._skip_silence(time)
        self.windows.add(time, keys, is_positive)

    def _skip_silence(self, time: float) -> None:
        held = self.windows
        if held.next_start is not None and time - held.next_start > LONGEST_SILENCE:
            self._close(held.close_rest())
            held.next_start = held.start_of(time)

    def _close(self, windows: Iterable[tuple[float, dict[str, list[int]]]]) -> None:
        # A silence ends with the story that closes all of its windows at once.
        for is_silent, run in groupby(windows, key=lambda window: not window[1]):
            closed = list(run)
            is_outage = is_silent and self.detector.baseline.is_outage(start for start, _ in closed)
            for start, counts in closed:
                self._judge(start, counts, learns=not is_outage)

    def _judge(self, start: float, counts: dict[str, list[int]], learns: bool) -> None:
        found = np.zeros((len(self._keys), 3))
        for key, counted in counts.items():
            found[self._rows[key]] = counted
        threshold = self.rules.budget.threshold(len(self._keys), self.rules.width)
        verdict = self.detector.judge(start, found[:, NEGATIVE], found[:, ALL], threshold, learns)
        rounded = np.round(verdict.expected, 3).tolist(), np.round(verdict.surprise, 3).tolist()
        expected, surprise = (dict(zip(self._keys, column, strict=True)) for column in rounded)
        self._closed.append(Closed(start, counts, expected, surprise))
        self._changes += self.book.update(
            start, self.rules.width, self._keys, verdict, self.sequence
        )

    def _add_keys(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key not in self._rows:
                self._rows[key] = len(self._keys)
                self._keys.append(key)
        self.detector.grow(len(self._keys))

    def to_json(self) -> dict[str, Any]:
        """All that it knows, for `restore`, without the detector."""
        return {
            "sequence": self.sequence,
            "tally": dict(self.tally),
            "clock": [self.clock.now, self.clock.doubted],
            "keys": self._keys,
            "windows": self.windows.to_json(),
            "doubted": [story.model_dump(mode="json") for story in self._doubted],
            "alerts": [alert.model_dump(mode="json") for alert in self.alerts],
        }

    def restore(self, kept: dict[str, Any], detector: bytes | None) -> None:
        """Go on where `to_json` was called."""
        self.sequence = kept["sequence"]
        self.tally = Counter(kept["tally"])
        self.clock = Clock(*kept["clock"])
        added = self._keys
        self._keys, self._rows = [], {}
        if detector:
            self.detector = SurgeDetector.from_bytes(detector)
        self._add_keys([*kept["keys"], *added])
        self.windows.restore(kept["windows"])
        self._doubted = [ScoredRecord.model_validate(story) for story in kept["doubted"]]
        self.book.open = {a["key"]: Alert.model_validate(a) for a in kept["alerts"]}
