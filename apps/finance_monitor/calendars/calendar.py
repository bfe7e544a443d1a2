"""`calendar.csv` → which windows of which keys are on a holiday, or on a day of earnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.baseline import EARNINGS, HOLIDAY, ORDINARY, Kinds
from apps.finance_monitor.surges.keys import name_of
from common.errors import UserError
from common.records.reader import OnBadRow, read_records
from common.rules.places import near

KINDS: dict[str, str] = {"假日": "holiday", "休市": "holiday", "业绩": "earnings", "时段": "hours"}
# What stands for all keys.
ALL_KEYS = {"", "*", "market"}


def _kind(value: object) -> object:
    given = str(value).strip().lower()
    return KINDS.get(given, given)


def _day(value: object) -> object:
    # A spreadsheet writes midnight behind a date.
    return value.date() if isinstance(value, datetime) else value


class Entry(BaseModel):
    """One row: what a day is for a key.

    Attributes:
        key: a company or a topic by its name; empty, or `*`: everything.
        hours: of `hours`, when the market is open: `09:30-13:00`. What is outside is holiday.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    date: Annotated[date, BeforeValidator(_day)]
    kind: Annotated[Literal["holiday", "earnings", "hours"], BeforeValidator(_kind)]
    key: str = ""
    hours: str | None = None
    timezone: str = Field("UTC", description="Whose day it is.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                'timezone: there is no such zone; write it like "Asia/Shanghai"'
            ) from None
        if self.kind == "hours":
            begin, end = self.span
            if begin >= end:
                raise ValueError("hours: they end before they begin")
        elif self.hours:
            raise ValueError("hours are told by the kind `hours` alone")
        if self.kind == "earnings" and self.key.strip() in ALL_KEYS:
            raise ValueError("key: earnings are of one company")
        return self

    @property
    def span(self) -> tuple[time, time]:
        """From when to when the market is open, of `hours`."""
        begin, dash, end = (self.hours or "").partition("-")
        try:
            if not dash:
                raise ValueError
            return time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
        except ValueError:
            raise ValueError('hours: write them like "09:30-13:00"') from None

    def kind_at(self, moment: datetime) -> int:
        """What this entry makes of a moment of its day."""
        if self.kind == "earnings":
            return EARNINGS
        if self.kind == "hours":
            begin, end = self.span
            return ORDINARY if begin <= moment.time() < end else HOLIDAY
        return HOLIDAY


class Calendar:
    """What each window is for each key. Where a day is two things, it is one of earnings."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._zones = {entry.timezone: ZoneInfo(entry.timezone) for entry in entries}
        self._entries: dict[tuple[str, date], list[Entry]] = {}
        for entry in entries:
            self._entries.setdefault((entry.timezone, entry.date), []).append(entry)

    def kinds(self, start: float, width: float, keys: Mapping[str, int]) -> Kinds:
        """[keys], of the window from `start` on; one that lies on two days is of its middle's.

        Args:
            width: of the window, seconds.
            keys: the row of each key.
        """
        found = np.full(len(keys), ORDINARY)
        middle = datetime.fromtimestamp(start + width / 2, UTC)
        for name, zone in self._zones.items():
            local = middle.astimezone(zone)
            for entry in self._entries.get((name, local.date()), ()):
                kind = entry.kind_at(local)
                if entry.key.strip() in ALL_KEYS:
                    found = np.maximum(found, kind)
                    continue
                for key, row in keys.items():
                    if entry.key in {key, name_of(key)}:
                        found[row] = max(found[row], kind)
        return found


def read_calendar(
    path: Path,
    listed: EntityList | None = None,
    topics: Sequence[str] = (),
    on_bad_row: OnBadRow = "fail",
) -> Calendar:
    """Read a table of days; companies go by any name that the list of companies has.

    Args:
        topics: that the release knows; empty: names are not checked.

    Raises:
        UserError: a bad row, or a name that nobody watches.
    """
    entries = read_records(path, Entry, on_bad_row=on_bad_row).items
    named = []
    for entry in entries:
        company = listed.named(entry.key) if listed and entry.key.strip() else None
        known = {*topics, *(f"topic/{topic}" for topic in topics), *ALL_KEYS}
        if listed and topics and not company and entry.key.strip() not in known:
            raise UserError(
                f"{entry.key!r} on {entry.date} is neither in --entities nor a topic",
                where=str(path),
                hint=near(entry.key, [*listed.names, *topics]),
            )
        named.append(entry.model_copy(update={"key": company or entry.key.strip()}))
    return Calendar(named)
