"""When somebody is there, by a file that the business writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import UserError
from common.files import read_toml

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPAN = re.compile(r"(\d{2}:\d{2})\s*[-–]\s*(\d{2}:\d{2})")
HINT = 'For example: zone = "Europe/Berlin", [days], monday = ["09:00-12:00", "13:00-18:00"]'
# A longer holiday is told by its absence.
LOOKS_AHEAD_DAYS = 60

Span = tuple[time, time]


@dataclass(frozen=True)
class Hours:
    """Opening hours, in the business's own zone.

    Attributes:
        days: by weekday, 0 is Monday; the spans of each, in order.
        holidays: days on which nobody is there.
        asks_contact: whether who comes at another time is asked where to be reached.
    """

    zone: ZoneInfo
    days: Mapping[int, tuple[Span, ...]]
    holidays: frozenset[date] = frozenset()
    asks_contact: bool = False

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is there at a time, which has a zone."""
        local = at.astimezone(self.zone)
        return any(begin <= local.time() < end for begin, end in self._spans(local.date()))

    def next_opening(self, at: datetime) -> datetime | None:
        """When somebody will be there next, in the business's zone; None: not for two months."""
        local = at.astimezone(self.zone)
        for ahead in range(LOOKS_AHEAD_DAYS):
            day = local.date() + timedelta(days=ahead)
            for begin, _ in self._spans(day):
                opening = datetime.combine(day, begin, self.zone)
                if opening > local:
                    return opening
        return None

    def _spans(self, day: date) -> tuple[Span, ...]:
        return () if day in self.holidays else self.days.get(day.weekday(), ())


def load_hours(path: Path) -> Hours:
    """Read opening hours.

    Raises:
        UserError: the file is missing, or something in it is not as it should be.
    """
    given = read_toml(path)
    where = str(path)
    if unknown := set(given) - {"zone", "days", "holidays", "ask_contact"}:
        raise UserError(f"not known: {', '.join(sorted(unknown))}", where=where, hint=HINT)
    days = given.get("days")
    if not isinstance(days, dict) or not days:
        raise UserError("days are missing", where=where, hint=HINT)
    if unknown := set(days) - set(DAYS):
        raise UserError(f"no day: {', '.join(sorted(unknown))}", where=where, hint=", ".join(DAYS))
    asks_contact = given.get("ask_contact", False)
    if not isinstance(asks_contact, bool):
        raise UserError(f"ask_contact: neither true nor false: {asks_contact!r}", where=where)
    return Hours(
        zone=_zone(given.get("zone"), where),
        days={DAYS.index(name): _spans(spans, name, where) for name, spans in days.items()},
        holidays=frozenset(_holidays(given.get("holidays", []), where)),
        asks_contact=asks_contact,
    )


def _zone(name: Any, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (TypeError, ValueError, OSError, LookupError):
        raise UserError(f"zone: not a time zone: {name!r}", where=where, hint=HINT) from None


def _spans(given: Any, name: str, where: str) -> tuple[Span, ...]:
    texts = given if isinstance(given, list) else [given]
    spans = sorted(_span(text, f"{name}: not a span of hours", where) for text in texts)
    for (_, end), (begin, _) in pairwise(spans):
        if begin < end:
            raise UserError(f"{name}: hours overlap at {begin:%H:%M}", where=where)
    return tuple(spans)


def _span(given: Any, problem: str, where: str) -> Span:
    matched = SPAN.fullmatch(given.strip()) if isinstance(given, str) else None
    try:
        if matched is None:
            raise ValueError
        begin, end = (
            time.max if part == "24:00" else time.fromisoformat(part) for part in matched.groups()
        )
        if begin >= end:
            raise ValueError
    except ValueError:
        raise UserError(f"{problem}: {given!r}", where=where, hint=HINT) from None
    return begin, end


def _time(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def _holidays(given: Any, where: str) -> Iterable[date]:
    for one in given if isinstance(given, list) else [given]:
        try:
            yield one if type(one) is date else date.fromisoformat(one)
        except (TypeError, ValueError):
            hint = 'holidays = ["2026-12-25"]'
            raise UserError(f"holidays: not a day: {one!r}", where=where, hint=hint) from None
