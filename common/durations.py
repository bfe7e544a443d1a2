"""Spans of time as people write them: 5min, 2h, 30d."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime

from common.errors import UserError

UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "d": timedelta(days=1),
    "day": timedelta(days=1),
    "w": timedelta(weeks=1),
    "week": timedelta(weeks=1),
}
# A hundred years: what is longer can be added to no date, and is a slip of the keyboard.
LONGEST = timedelta(days=36_525)
_WORDING = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|[a-z]+?)s?\s*", re.IGNORECASE)


def parse_period(wording: str) -> timedelta:
    """Read "5min", "2 hours", "30d"; "0" is none.

    Raises:
        UserError: no number with a unit, or longer than a hundred years.
    """
    if wording.strip() == "0":
        return timedelta()
    matched = _WORDING.fullmatch(wording)
    unit = UNITS.get(matched[2].lower()) if matched else None
    if matched is None or unit is None:
        raise UserError(f"not a span of time: {wording!r}", hint='Write it like "5min" or "2h".')
    count = float(matched[1])
    if count > LONGEST / unit:
        raise UserError(f"longer than a hundred years: {wording!r}")
    return count * unit


def retry_after(header: str, now: float) -> float:
    """The seconds that a `Retry-After` asks to wait, as a number or a date; 0: it asks for none.

    Args:
        now: seconds since 1970.
    """
    if header.isdecimal():
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
    except ValueError:
        return 0.0


def as_period(seconds: float) -> str:
    """The shortest wording of a span that is whole in one unit: 3600 is "1h"."""
    for unit in ("w", "d", "h", "min"):
        if seconds % UNITS[unit].total_seconds() == 0:
            return f"{seconds / UNITS[unit].total_seconds():g}{unit}"
    return f"{seconds:g}s"
