"""One row of a calendar: a day, or the days of a week, and what they are."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from common.records.text import searchable

KINDS: dict[str, str] = {"假日": "holiday", "休市": "holiday", "业绩": "earnings", "时段": "hours"}
# What stands for all keys.
ALL_KEYS = {"", "*", "market", "市场"}
ENGLISH = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHINESE = "一二三四五六日"
GROUPS = {
    **dict.fromkeys(("工作日", "weekday", "weekdays"), range(5)),
    **dict.fromkeys(("周末", "weekend", "weekends"), range(5, 7)),
}
DAY_NAME = re.compile(
    r"(?:周|星期|礼拜)?([一二三四五六日天])"
    r"|(mon|tue|wed|thu|fri|sat|sun)(?:s|r|rs|nes|ur)?(?:day)?"
)
BETWEEN = re.compile(r"\s*(?:[-–—－~～〜至到]|\bto\b)\s*")
NO_DATE = "{!r} is no date; write it like 2026-12-25, or days of the week like Mon-Fri"
BESIDE = re.compile(r"\s*[,、，;；|/]\s*|\s+")


def _kind(value: object) -> object:
    given = searchable(str(value)).strip()
    return KINDS.get(given, given)


def _days(value: object) -> object:
    """A date, or days of the week: `Mon-Fri`, `Mon, Wed`, `weekdays`, 周一至周五."""
    if isinstance(value, datetime):
        # A spreadsheet writes midnight behind a date.
        return value.date()
    if not isinstance(value, str):
        return value
    given = searchable(value).strip()
    with suppress(ValueError):
        return datetime.fromisoformat(given).date()
    days: set[int] = set()
    for part in filter(None, BESIDE.split(BETWEEN.sub("-", given))):
        if part in GROUPS:
            days |= {*GROUPS[part]}
            continue
        named = [DAY_NAME.fullmatch(name) for name in part.split("-")]
        if len(named) > 2 or None in named:
            raise ValueError(NO_DATE.format(value))
        first, last = (_number(found) for found in (named[0], named[-1]))
        # Sat-Mon goes on over the end of the week.
        days |= {day % 7 for day in range(first, first + (last - first) % 7 + 1)}
    if not days:
        raise ValueError(NO_DATE.format(value))
    return frozenset(days)


def _number(named: re.Match[str] | None) -> int:
    assert named
    chinese, english = named.groups()
    return ENGLISH.index(english) if english else CHINESE.index(chinese.replace("天", "日"))


class Entry(BaseModel):
    """One row: what a day, or some days of each week, are for a key.

    Attributes:
        date: a day; or days of the week, from 0 for Monday, whose hours are told.
        key: a company or a topic by its name; empty, or `*`: everything.
        hours: of `hours`, when the market is open: `09:30-13:00`. What is outside is a holiday on a
            day of its own, and closed in a week.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    date: Annotated[date | frozenset[int], BeforeValidator(_days)]
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
        elif not isinstance(self.date, date):
            raise ValueError("date: of days of the week, only the hours are told")
        if self.kind == "earnings" and self.is_for_all:
            raise ValueError("key: earnings are of one company")
        return self

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every key."""
        return searchable(self.key).strip() in ALL_KEYS

    @property
    def zone(self) -> ZoneInfo:
        """Whose day, and whose clock."""
        return ZoneInfo(self.timezone)

    @property
    def span(self) -> tuple[time, time]:
        """From when to when the market is open, of `hours`."""
        begin, dash, end = BETWEEN.sub("-", searchable(self.hours or "")).partition("-")
        try:
            if not dash:
                raise ValueError
            span = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
            # The zone has a column of its own.
            if span[0].tzinfo or span[1].tzinfo:
                raise ValueError
            return span
        except ValueError:
            raise ValueError('hours: write them like "09:30-13:00"') from None

    def is_open(self, moment: datetime) -> bool:
        """Whether a moment is within these hours, on a day that they are told of."""
        local = moment.astimezone(self.zone)
        if isinstance(self.date, date):
            is_day = local.date() == self.date
        else:
            is_day = local.weekday() in self.date
        begin, end = self.span
        return is_day and begin <= local.time() < end
