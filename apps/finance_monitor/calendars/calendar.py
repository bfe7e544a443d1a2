"""What each window is for each key: on a holiday, on a day of earnings, closed, or as usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.calendars.entry import Entry
from apps.finance_monitor.surges.keys import name_of
from apps.finance_monitor.surges.times import CLOSED, EARNINGS, HOLIDAY, ORDINARY, Kinds

DAY = 24 * 3600.0
Rows = NDArray[np.int64]


class Calendar:
    """What each window is for each key.

    A dated row goes before weekly hours, what is for one key before what is for all. Where a day is
    two things, it is one of earnings, or else a holiday.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._dated: dict[tuple[str, date], list[Entry]] = {}
        self._weekly: dict[str, list[Entry]] = {}
        for entry in entries:
            if isinstance(entry.date, date):
                self._dated.setdefault((entry.timezone, entry.date), []).append(entry)
            else:
                self._weekly.setdefault("" if entry.is_for_all else entry.key, []).append(entry)
        self._zones = {zone for zone, _ in self._dated}

    def zones(self, keys: Mapping[str, int]) -> list[str]:
        """[keys], by whose clock the hours of each are counted: that of its weekly hours."""
        return [self._hours_of(key)[0].timezone if self._hours_of(key) else "UTC" for key in keys]

    def kinds(self, start: float, width: float, keys: Mapping[str, int]) -> Kinds:
        """[keys], of the window from `start` on; one that lies on two days is of its middle's.

        Hours say nothing of windows of a day or more.

        Args:
            width: of the window, seconds.
            keys: the row of each key.
        """
        middle = datetime.fromtimestamp(start + width / 2, UTC)
        told = self._told(middle)
        found = np.full(len(keys), ORDINARY)
        if width < DAY:
            self._close(found, keys, middle)
            self._shorten(found, keys, middle, [one for one in told if one.kind == "hours"])
        for kind, number in (("holiday", HOLIDAY), ("earnings", EARNINGS)):
            for entry in told:
                if entry.kind == kind:
                    found[_rows(entry, keys)] = number
        return found

    def _told(self, moment: datetime) -> list[Entry]:
        """The dated rows of the day that it is in the zone of each."""
        days = ((zone, moment.astimezone(ZoneInfo(zone)).date()) for zone in self._zones)
        return [entry for day in days for entry in self._dated.get(day, ())]

    def _hours_of(self, key: str) -> list[Entry]:
        own = self._weekly.get(key) or self._weekly.get(name_of(key))
        return own or self._weekly.get("", [])

    def _close(self, found: Kinds, keys: Mapping[str, int], moment: datetime) -> None:
        """By weekly hours; what has none is never closed."""
        if not self._weekly:
            return
        closed = {
            name: not any(one.is_open(moment) for one in hours)
            for name, hours in self._weekly.items()
        }
        for key, row in keys.items():
            name = key if key in closed else name_of(key)
            if closed.get(name, closed.get("", False)):
                found[row] = CLOSED

    def _shorten(
        self, found: Kinds, keys: Mapping[str, int], moment: datetime, hours: Sequence[Entry]
    ) -> None:
        """By the hours of one day: outside it is a holiday, unless it would be closed anyway."""
        is_open: dict[int, bool] = {}
        for entry in hours:
            for row in _rows(entry, keys).tolist():
                is_open[row] = is_open.get(row, False) or entry.is_open(moment)
        for row, is_opened in is_open.items():
            if is_opened:
                found[row] = ORDINARY
            elif found[row] == ORDINARY:
                found[row] = HOLIDAY


def _rows(entry: Entry, keys: Mapping[str, int]) -> Rows:
    rows = [
        row for key, row in keys.items() if entry.is_for_all or entry.key in {key, name_of(key)}
    ]
    return np.array(rows, dtype=np.int64)
