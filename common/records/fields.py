"""Field types that the records of every application share."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints


def _encodable(text: str) -> str:
    # JSON can name half a character, which no encoding can write.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_encodable)
]

# A name in a cell of a table, with whatever spaces around it; an empty one is no name.
Label = Annotated[
    str | None,
    BeforeValidator(lambda value: value.strip() or None if isinstance(value, str) else value),
]


def content_hash(*parts: object) -> str:
    """Stands in for an id that is left out: the same content has the same one everywhere."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("no year from 1 to 9999 in UTC") from None


# Beyond it, in the year 2603, a number since 1970 is in milliseconds …
LAST_SECOND = 20_000_000_000
# … and beyond this in something finer.
LAST_MILLISECOND = 1000 * LAST_SECOND


def _in_known_unit(value: object) -> object:
    """Refuse numbers too large for milliseconds; pydantic tells milliseconds from seconds."""
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except OverflowError:
        raise ValueError("no time has so many digits") from None
    except ValueError:
        return value
    if abs(number) >= LAST_MILLISECOND:
        unit = "micro" if abs(number) < 1000 * LAST_MILLISECOND else "nano"
        raise ValueError(
            f"{value} since 1970 looks like {unit}seconds; give seconds, milliseconds or ISO 8601"
        )
    return value


# ISO 8601 with zone, or seconds or milliseconds since 1970; kept in UTC.
Time = Annotated[AwareDatetime, BeforeValidator(_in_known_unit), AfterValidator(_to_utc)]

# Days since 1900 as spreadsheets count them, from 1954 to 2119; as seconds all of them would lie in
# the first day of 1970.
DAYS_OF_SPREADSHEETS = range(20_000, 80_000)


def _no_day_number(value: object) -> object:
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (OverflowError, ValueError):
        return value
    if DAYS_OF_SPREADSHEETS.start <= number < DAYS_OF_SPREADSHEETS.stop:
        day = date(1899, 12, 30) + timedelta(days=int(number))
        raise ValueError(
            f"{value} looks like {day}, counted in days by a spreadsheet: format the column as "
            "dates or as text"
        )
    return value


# A time of the calendar, which is never the first day of 1970.
CalendarTime = Annotated[Time, BeforeValidator(_no_day_number)]


def _without_zone(value: object) -> datetime | None:
    """A date or a time that is written without a zone."""
    try:
        written = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        return None
    return written if isinstance(written, datetime) and written.tzinfo is None else None


def _with_zone(value: object) -> object:
    written = _without_zone(value)
    return value if written is None else written.replace(tzinfo=UTC)


def _with_last_day(value: object) -> object:
    written = _without_zone(value)
    # A spreadsheet writes midnight behind a date.
    if written is not None and written.time() == datetime.min.time():
        # The last day there is stands for no end.
        last = written.date() == date.max
        written = datetime.max if last else written + timedelta(days=1)
    return value if written is None else written.replace(tzinfo=UTC)


# From when and until when something holds. Without a zone it is UTC; a date is the whole day.
Since = Annotated[CalendarTime, BeforeValidator(_with_zone)]
Until = Annotated[CalendarTime, BeforeValidator(_with_last_day)]
