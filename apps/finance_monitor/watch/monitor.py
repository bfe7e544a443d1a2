"""From scored stories, one by one, to windows, trends and alerts.

Nothing here looks at a clock, a file or a batch: the same stories in the same order give the same
alerts, however they were cut and wherever a run was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from apps.finance_monitor.alerts.life import AlertBook, Change
from apps.finance_monitor.calendars.calendar import Calendar
from apps.finance_monitor.schema import ScoredRecord, Sentiment
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.detector import SurgeDetector
from apps.finance_monitor.surges.keys import keys_for, keys_of
from apps.finance_monitor.surges.windows import Clock, Windows
from apps.finance_monitor.watch.scale import Events, Scale
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.durations import as_period


@dataclass(frozen=True)
class Rules:
    """What the user decides.

    Attributes:
        budget: false alarms that are tolerated, over all keys together.
        width: of a window, seconds; trends are counted in these.
        wider: further widths that are judged, multiples of the first. The budget is for all of them
            together: each has an equal part, and the parts add up (Bonferroni).
        lateness: how long a window waits for late records, seconds.
        delay: how long a surge must go on before its alert fires, seconds.
        watchlists: lists of keys, some with budgets of their own.
        calendar: days that are not like others.
    """

    budget: Budget
    width: float = 3600.0
    wider: Sequence[float] = ()
    lateness: float = 300.0
    delay: float = 0.0
    watchlists: Sequence[Watchlist] = ()
    calendar: Calendar | None = None

    @property
    def widths(self) -> list[float]:
        """All that are judged, the narrowest first."""
        return [self.width, *sorted(self.wider)]


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
    keys: Mapping[str, Sentiment | None]


class Monitor:
    """Takes in stories in the order of the feed.

    Args:
        keys: known beforehand; others join when they first appear.
    """

    def __init__(self, rules: Rules, keys: Sequence[str]) -> None:
        self.rules = rules
        self.clock = Clock()
        self._scales = [_scale(rules, width) for width in rules.widths]
        self._events = Events()
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
    def open_alerts(self) -> dict[str, Alert]:
        """Those that are not resolved, by key."""
        return self._events.alerts

    @property
    def alerts(self) -> list[Alert]:
        """Those that are not resolved."""
        return list(self.open_alerts.values())

    @property
    def detectors(self) -> dict[str, SurgeDetector]:
        """By the name that each is kept under; that of the narrowest windows is `detector`."""
        return {_name_of(one, self.rules.width): one.detector for one in self._scales}

    @property
    def detector(self) -> SurgeDetector:
        """That of the narrowest windows."""
        return self._scales[0].detector

    def use(self, rules: Rules, companies: Sequence[str]) -> None:
        """Go by other watchlists, another calendar and further companies from the next window on.

        Args:
            rules: with the same budget, widths and times.
        """
        self.rules = rules
        self._add_keys(keys_for((), companies))
        for scale in self._scales:
            scale.use(_watchlists(rules), rules.calendar)

    def observe(self, story: ScoredRecord) -> None:
        """Count one story; may close windows before."""
        self.sequence += 1
        self.tally["records"] += 1
        self.tally[story.sentiment.label or "abstained"] += 1
        before = self.clock.now
        self._doubted.append(story)
        if not self.clock.advance(story.published_at.timestamp()):
            return
        assert self.clock.now is not None
        if before is not None and self.clock.now < before:
            first = min(one.published_at.timestamp() for one in self._doubted)
            for scale in self._scales:
                scale.windows.go_back(first)
        for doubted in self._doubted:
            self._count(doubted)
        self._doubted = []
        for scale in self._scales:
            self._close(scale, scale.windows.close_until(self.clock.now))

    def finish(self) -> None:
        """Close what is open: the history ends here."""
        for doubted in self._doubted:
            self._count(doubted)
        self._doubted = []
        for scale in self._scales:
            self._close(scale, scale.rest())

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
        keys = keys_of(story)
        self._add_keys(keys)
        main, *wider = self._scales
        assert self.clock.now is not None
        for scale in self._scales:
            # One that is still doubted waits in its window, and ends no other.
            self._close(scale, scale.skipped(min(time, self.clock.now)))
        if not main.add(time, keys):
            self.tally["late"] += 1
            self._late.append(Late(main.windows.start_of(time), keys))
        for scale in wider:
            scale.add(time, keys)

    def _close(self, scale: Scale, windows: Iterable[tuple[float, dict[str, list[int]]]]) -> None:
        width = scale.windows.width
        for start, counts, verdict, changes in scale.close(windows, self._rows, self.sequence):
            if scale is self._scales[0]:
                columns = (np.round(c, 3).tolist() for c in (verdict.expected, verdict.surprise))
                expected, surprise = (dict(zip(self._keys, c, strict=True)) for c in columns)
                self._closed.append(Closed(start, counts, expected, surprise))
            self._changes += self._events.take(width, changes)
            self._events.follow(width, scale.book.open.values())

    def _add_keys(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key not in self._rows:
                self._rows[key] = len(self._keys)
                self._keys.append(key)
        for scale in self._scales:
            scale.detector.grow(len(self._keys))

    def to_json(self) -> dict[str, Any]:
        """All that it knows, for `restore`, without the detector."""
        return {
            "sequence": self.sequence,
            "tally": dict(self.tally),
            "clock": list(astuple(self.clock)),
            "keys": self._keys,
            "windows": self._scales[0].windows.to_json(),
            "doubted": [story.model_dump(mode="json") for story in self._doubted],
            "alerts": _alerts_of(self._scales[0]),
            "events": self._events.to_json(),
            "wider": {
                f"{scale.windows.width:g}": {
                    "windows": scale.windows.to_json(),
                    "alerts": _alerts_of(scale),
                }
                for scale in self._scales[1:]
            },
        }

    def restore(self, kept: dict[str, Any], detectors: Mapping[str, bytes]) -> None:
        """Go on where `to_json` was called; a width that is new begins here.

        Args:
            detectors: what `to_bytes` gave of each, by its name.
        """
        self.sequence = kept["sequence"]
        self.tally = Counter(kept["tally"])
        self.clock = Clock(*kept["clock"])
        added = self._keys
        self._keys, self._rows = [], {}
        for scale in self._scales:
            width = scale.windows.width
            held = kept if width == self.rules.width else kept.get("wider", {}).get(f"{width:g}")
            if held is None:
                continue
            scale.windows.restore(held["windows"])
            scale.book.open = {a["key"]: Alert.model_validate(a) for a in held["alerts"]}
            if content := detectors.get(_name_of(scale, self.rules.width)):
                scale.detector = SurgeDetector.from_bytes(content)
        self._add_keys([*kept["keys"], *added])
        self._doubted = [ScoredRecord.model_validate(story) for story in kept["doubted"]]
        if "events" in kept:
            ended = self._events.restore(kept["events"], self.rules.widths)
            opened = tuple(self.open_alerts)
            self._changes += [Change("resolved", one, self.sequence, opened) for one in ended]
        else:
            alerts = self._scales[0].book.open.items()
            self._events.open = {key: (self.rules.width, alert) for key, alert in alerts}


def _scale(rules: Rules, width: float) -> Scale:
    named = "" if width == rules.width else as_period(width)
    return Scale(
        Windows(width, rules.lateness),
        AlertBook(rules.delay, str(rules.budget), named),
        rules.budget.part(len(rules.widths)),
        _watchlists(rules),
        rules.calendar,
    )


def _watchlists(rules: Rules) -> list[Watchlist]:
    """With the part of their budgets that is for each width."""
    return [
        one.model_copy(update={"false_alarms": one.false_alarms.part(len(rules.widths))})
        if one.false_alarms
        else one
        for one in rules.watchlists
    ]


def _name_of(scale: Scale, main: float) -> str:
    width = scale.windows.width
    return "detector" if width == main else f"detector/{width:g}"


def _alerts_of(scale: Scale) -> list[dict[str, Any]]:
    return [alert.model_dump(mode="json") for alert in scale.book.open.values()]
