"""When something was said, in whichever form an export writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

from common.records.fields import LAST_MILLISECOND, LAST_SECOND

CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
# 02.01.24, 10:00:12 and 1/2/24, 10:00 AM, as phones write it.
SHORT = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?!\d)[,\s]*(.*)")
LAST_MONTH = 12
HALF = re.compile(r"(上午|凌晨|早上|中午|下午|晚上)\s*(\d{1,2})(?=:)")
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p")
DAY_FIRST = ("%d/%m/%y", *(f"%d/%m/%y {clock}" for clock in CLOCKS))
MONTH_FIRST = ("%m/%d/%y", *(f"%m/%d/%y {clock}" for clock in CLOCKS))
FORMATS = (
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M"),
    *("%Y-%m-%d %H:%M:%S %Z", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%b %d, %Y %H:%M"),
    *("%b %d, %Y %I:%M %p", "%Y%m%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"),
    *(f"{day} {clock}" for day in ("%Y-%m-%d", "%Y/%m/%d") for clock in CLOCKS if "%I" in clock),
)


def is_day_first(values: Iterable[object]) -> bool | None:
    """Whether the times of one file, as they stand in it, write the day before the month.

    A part over 12 is the day. Where there is none, it is the order that goes back in time less
    often; None: nothing tells.
    """
    found = [found for value in values if (found := SHORT.fullmatch(str(value).strip()))]
    days, months = (any(int(one[part]) > LAST_MONTH for one in found) for part in (1, 2))
    if days or months:
        return None if days and months else days
    back = {order: _steps_back([one[0] for one in found], order) for order in (True, False)}
    return None if back[True] == back[False] else back[True] < back[False]


def _steps_back(texts: Iterable[str], day_first: bool) -> int:
    times = [time for text in texts if (time := seconds(text, day_first=day_first)) is not None]
    return sum(later < earlier for earlier, later in pairwise(times))


def seconds(value: object, *, day_first: bool | None = None) -> float | None:
    """Seconds since 1970 of a time or of a number of seconds or milliseconds; else None.

    A time without zone is taken for UTC: what counts is which came later.

    Args:
        day_first: as `is_day_first` has it for the file; None: it is guessed.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return _read(text, day_first)
    if not 0 < number < LAST_MILLISECOND:
        return None
    return number / 1000 if number > LAST_SECOND else number


def _read(text: str, day_first: bool | None) -> float | None:
    if found := _iso(text) or _iso(text := _plain(text)):
        return seconds(found)
    # 2024-3-1 9:05 is not ISO.
    text = re.sub(r"\b(\d)\b(?=[-/.\s:])|(?<=[-/.])(\d)\b", lambda m: f"0{m[0]}", text)
    # Who writes "AM" writes the month first; who writes "am", mostly the day.
    is_day = not text.endswith(("AM", "PM")) if day_first is None else day_first
    orders = (DAY_FIRST, MONTH_FIRST) if is_day else (MONTH_FIRST, DAY_FIRST)
    short = orders[0] if day_first is not None else (*orders[0], *orders[1])
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", *FORMATS, *short):
        try:
            return seconds(datetime.strptime(text, form))
        except ValueError:
            continue
    return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _plain(text: str) -> str:
    """A time with Latin hours and dashes, and a short day with a year of two digits."""
    text = HALF.sub(_hour, CHINESE.sub(r"\1-\2-\3", text))
    text = re.sub(r"(?i)\b([ap])\.m\.?", r"\1m", text)
    found = SHORT.fullmatch(text)
    if found is None:
        return re.sub(r"(?<=\d),\s*(?=\d{1,2}:)", " ", text)
    return f"{found[1]}/{found[2]}/{found[3][-2:]} {found[4]}".strip()


def _hour(found: re.Match[str]) -> str:
    hour = int(found[2])
    if found[1] == "凌晨" and hour == 12:
        return "0"
    is_later = found[1] in {"下午", "晚上"} or (found[1] == "中午" and hour < 3)
    return str(hour + 12 if is_later and hour < 12 else hour)
