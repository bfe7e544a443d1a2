"""When something was said, in whichever form an export writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from common.records.fields import LAST_MILLISECOND, LAST_SECOND

CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
# 02.01.24, 10:00:12 and 1/2/24, 10:00 AM, as phones write it.
SHORT = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?!\d)[,\s]*(.*)")
HALF = re.compile(r"(上午|凌晨|早上|中午|下午|晚上)\s*(\d{1,2})(?=:)")
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p")
DAY_FIRST = tuple(f"{day} {clock}" for day in ("%d/%m/%y", "%m/%d/%y") for clock in CLOCKS)
MONTH_FIRST = tuple(f"{day} {clock}" for day in ("%m/%d/%y", "%d/%m/%y") for clock in CLOCKS)
FORMATS = (
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M"),
    *("%Y-%m-%d %H:%M:%S %Z", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%b %d, %Y %H:%M"),
    *("%b %d, %Y %I:%M %p", "%Y%m%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"),
    *(f"{day} {clock}" for day in ("%Y-%m-%d", "%Y/%m/%d") for clock in CLOCKS if "%I" in clock),
)


def seconds(value: object) -> float | None:
    """Seconds since 1970 of a time or of a number of seconds or milliseconds; else None.

    A time without zone is taken for UTC: what counts is which came later.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return _read(text)
    if not 0 < number < LAST_MILLISECOND:
        return None
    return number / 1000 if number > LAST_SECOND else number


def _read(text: str) -> float | None:
    if found := _iso(text) or _iso(text := _plain(text)):
        return seconds(found)
    # 2024-3-1 9:05 is not ISO.
    text = re.sub(r"\b(\d)\b(?=[-/.\s:])|(?<=[-/.])(\d)\b", lambda m: f"0{m[0]}", text)
    # Who writes "AM" writes the month first; who writes "am", mostly the day.
    short = MONTH_FIRST if text.endswith(("AM", "PM")) else DAY_FIRST
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
