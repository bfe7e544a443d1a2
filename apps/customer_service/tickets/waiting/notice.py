"""What a customer is told who waits for a person, in their language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from apps.customer_service.tickets.waiting.hours import Hours
from common.files import read_toml

NOTICES = Path(__file__).with_name("notices.toml")
# For a language that has none.
DEFAULT = "en"
# The median of fewer waits tells nothing.
FEWEST, MOST = 3, 20
MINUTE_SECONDS = 60.0
# Who waited longer was waiting for the next day.
LONGEST_TOLD_SECONDS = 4 * 3600.0


def notice(name: str, language: str) -> str:
    """A notice by its name."""
    found: str = _of(language)[name]
    return found


def expectation(
    hours: Hours | None, waits: Sequence[tuple[float, float]], language: str, now: datetime
) -> str | None:
    """When somebody will be there, or how long others waited; None where neither is known.

    Args:
        waits: when tickets were opened, and first replied to; seconds since 1970.
        now: with a zone.
    """
    if hours and not hours.is_open(now):
        opening = hours.next_opening(now)
        return _opens(opening, now, language) if opening else None
    told = [
        replied - opened
        for opened, replied in waits
        # Who came at night waited for the morning.
        if hours is None or hours.is_open(datetime.fromtimestamp(opened, UTC))
    ]
    if len(told) < FEWEST or (seconds := median(told)) > LONGEST_TOLD_SECONDS:
        return None
    minutes = max(ceil(seconds / MINUTE_SECONDS), 1)
    name = "waits_1" if minutes == 1 else "waits"
    return notice(name, language).format(minutes=minutes)


def _opens(opening: datetime, now: datetime, language: str) -> str:
    words = _of(language)
    today = now.astimezone(opening.tzinfo).date()
    if opening.date() == today:
        day = words["today"]
    elif opening.date() == today + timedelta(days=1):
        day = words["tomorrow"]
    else:
        day = words["date"].format(
            weekday=words["weekdays"][opening.weekday()],
            day=opening.day,
            month=words["months"][opening.month - 1],
        )
    zone = str(opening.tzinfo)
    named = words.get("zones", {}).get(zone, zone)
    told: str = words["opens"].format(day=day, time=f"{opening:%H:%M}", zone=named)
    return told


def _of(language: str) -> Mapping[str, Any]:
    notices = _load()
    return notices.get(language, notices[DEFAULT])


@cache
def _load() -> Mapping[str, Mapping[str, Any]]:
    return read_toml(NOTICES)
