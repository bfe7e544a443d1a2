"""One width of windows with its detector; and one alert for an event that several widths see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from apps.finance_monitor.alerts.life import SEVERITIES, AlertBook, Change
from apps.finance_monitor.calendars.calendar import Calendar
from apps.finance_monitor.schema import Sentiment
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.detector import SurgeDetector, Verdict
from apps.finance_monitor.surges.windows import ALL, NEGATIVE, Windows
from apps.finance_monitor.watchlists.audience import Thresholds, thresholds
from apps.finance_monitor.watchlists.watchlist import Watchlist

# A feed that was silent for longer is taken up where it speaks again.
LONGEST_SILENCE = 60 * 24 * 3600.0

Closing = tuple[float, dict[str, list[int]], Verdict, list[Change]]


class Scale:
    """Counts stories in windows of one width, and judges those that close.

    Args:
        budget: this width's part of what is promised.
        watchlists: with this width's parts of their budgets.
    """

    def __init__(
        self,
        windows: Windows,
        book: AlertBook,
        budget: Budget,
        watchlists: Sequence[Watchlist] = (),
        calendar: Calendar | None = None,
    ) -> None:
        self.windows = windows
        self.detector = SurgeDetector(windows.width)
        self.book = book
        self._budget = budget
        self._watchlists = watchlists
        self._calendar = calendar
        self._asked: Thresholds | None = None

    def use(self, watchlists: Sequence[Watchlist], calendar: Calendar | None) -> None:
        """Go by these from the next window on."""
        self._watchlists, self._calendar, self._asked = watchlists, calendar, None

    def add(self, time: float, counted: Mapping[str, Sentiment | None]) -> bool:
        """Count a story; False: its window is closed."""
        if self.windows.is_late(time):
            return False
        self.windows.add(time, counted)
        return True

    def skipped(self, time: float) -> Iterator[tuple[float, dict[str, list[int]]]]:
        """What closes since the feed was silent for too long before `time`."""
        held = self.windows
        if held.next_start is not None and time - held.next_start > LONGEST_SILENCE:
            start = held.start_of(time)
            yield from held.close_rest(before=start)
            held.next_start = start

    def rest(self) -> Iterator[tuple[float, dict[str, list[int]]]]:
        """What closes when the history ends; a silence that is too long is left out of it."""
        for start in sorted(self.windows.open):
            yield from self.skipped(start)
        yield from self.windows.close_rest()

    def close(
        self,
        windows: Iterable[tuple[float, dict[str, list[int]]]],
        rows: dict[str, int],
        sequence: int,
    ) -> Iterator[Closing]:
        """Judge closed windows in the order of time.

        Args:
            rows: of each key.
            sequence: of the last story that they may know of.
        """
        keys = list(rows)
        # A silence ends with the story that closes all of its windows at once.
        for is_silent, run in groupby(windows, key=lambda window: not window[1]):
            closed = [(start, counts, self._kinds(start, rows)) for start, counts in run]
            self.detector.baseline.follow(self._zones(rows), closed[0][0])
            learns = not (
                is_silent
                and self.detector.baseline.is_outage((start, kinds) for start, _, kinds in closed)
            )
            for start, counts, kinds in closed:
                found = np.zeros((len(rows), 3))
                for key, counted in counts.items():
                    found[rows[key]] = counted
                asked = self._thresholds(keys)
                verdict = self.detector.judge(
                    start,
                    found[:, NEGATIVE],
                    found[:, ALL],
                    asked.general,
                    learns,
                    asked.first,
                    kinds,
                )
                width = self.windows.width
                changes = self.book.update(start, width, keys, verdict, sequence, asked.reached)
                yield start, counts, verdict, changes

    def _thresholds(self, keys: Sequence[str]) -> Thresholds:
        # Keys are only added: as many are the same.
        if self._asked is None or len(self._asked.first) != len(keys):
            width = self.windows.width
            self._asked = thresholds(self._budget, self._watchlists, keys, width)
        return self._asked

    def _kinds(self, start: float, rows: dict[str, int]) -> Any:
        calendar = self._calendar
        return calendar.kinds(start, self.windows.width, rows) if calendar else None

    def _zones(self, rows: dict[str, int]) -> list[str]:
        return self._calendar.zones(rows) if self._calendar else ["UTC"] * len(rows)


class Events:
    """Passes on one alert for an event: that of the width which saw it first.

    What another width says of the same key meanwhile, or of a time that was told already, makes no
    alert of its own; it may raise the severity of the one that is open.
    """

    def __init__(self) -> None:
        self.open: dict[str, tuple[float, Alert]] = {}
        self._joined: set[tuple[float, str]] = set()
        self._told_until: dict[str, float] = {}

    @property
    def alerts(self) -> dict[str, Alert]:
        """The open alert of each key."""
        return {key: alert for key, (_, alert) in self.open.items()}

    def take(self, width: float, changes: Sequence[Change]) -> list[Change]:
        """The changes that somebody is to hear of, of windows of this width."""
        taken = [passed for change in changes if (passed := self._pass(width, change))]
        return [replace(change, open=tuple(self.open)) for change in taken]

    def follow(self, width: float, alerts: Iterable[Alert]) -> None:
        """Take in how the open alerts stand after a window, changed or not."""
        for alert in alerts:
            held = self.open.get(alert.key)
            if held and held[0] == width:
                self.open[alert.key] = (width, _not_below(alert, held[1]))

    def _pass(self, width: float, change: Change) -> Change | None:
        alert, key = change.alert, change.alert.key
        held = self.open.get(key)
        if (width, key) in self._joined or self._is_told(width, alert, held):
            self._joined.add((width, key))
            if change.event == "resolved":
                self._joined.discard((width, key))
            return self._raised(change, held)
        alert = _not_below(alert, held[1]) if held else alert
        if change.event == "resolved":
            self.open.pop(key, None)
            self._told_until[key] = alert.window.end.timestamp()
        else:
            self.open[key] = (width, alert)
        return replace(change, alert=alert)

    def _is_told(self, width: float, alert: Alert, held: tuple[float, Alert] | None) -> bool:
        if held:
            return held[0] != width
        # Its last window began before the end of what was told of.
        began = alert.window.end.timestamp() - width
        return began < self._told_until.get(alert.key, -np.inf)

    def _raised(self, change: Change, held: tuple[float, Alert] | None) -> Change | None:
        if held is None or change.event == "resolved":
            return None
        width, alert = held
        if SEVERITIES.index(change.alert.severity) <= SEVERITIES.index(alert.severity):
            return None
        raised = alert.model_copy(update={"severity": change.alert.severity})
        self.open[alert.key] = (width, raised)
        is_firing = raised.status == "firing"
        return Change("severity", raised, change.sequence) if is_firing else None

    def to_json(self) -> dict[str, Any]:
        """All that it knows, for `restore`."""
        return {
            "open": [[width, a.model_dump(mode="json")] for width, a in self.open.values()],
            "joined": sorted(self._joined),
            "told_until": self._told_until,
        }

    def restore(self, kept: dict[str, Any], widths: Collection[float]) -> list[Alert]:
        """Go on where `to_json` was called.

        Returns:
            Alerts of widths that are judged no more, now resolved: nothing would ever end them.
        """
        opened = [(width, Alert.model_validate(alert)) for width, alert in kept["open"]]
        self.open = {alert.key: (width, alert) for width, alert in opened if width in widths}
        self._joined = {(width, key) for width, key in kept["joined"] if width in widths}
        self._told_until = kept["told_until"]
        return [
            alert.model_copy(
                update={
                    "status": "resolved",
                    "ends_at": alert.window.end,
                    "annotations": {**alert.annotations, "ended": "windows no longer judged"},
                }
            )
            for width, alert in opened
            if width not in widths
        ]


def _not_below(alert: Alert, before: Alert) -> Alert:
    """As severe as it was at least: another width may have raised it."""
    severity = max(alert.severity, before.severity, key=SEVERITIES.index)
    return alert.model_copy(update={"severity": severity})
