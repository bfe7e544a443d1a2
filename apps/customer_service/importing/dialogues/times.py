"""When something was said, in whichever form an export writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from common.records.fields import LAST_MILLISECOND, LAST_SECOND

CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
FORMATS = (
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M"),
    *("%Y-%m-%d %H:%M:%S %Z", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%b %d, %Y %H:%M"),
    *("%b %d, %Y %I:%M %p", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%d %H:%M:%S"),
    "%Y-%m-%dT%H:%M:%S.%fZ",
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
    text = CHINESE.sub(r"\1-\2-\3", text)
    try:
        return seconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    # 2024-3-1 9:05 is not ISO.
    text = re.sub(r"\b(\d)\b(?=[-/.\s:])|(?<=[-/.])(\d)\b", lambda m: f"0{m[0]}", text)
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", *FORMATS):
        try:
            return seconds(datetime.strptime(text, form))
        except ValueError:
            continue
    return None
