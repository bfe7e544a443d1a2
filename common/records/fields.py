"""Field types that the records of every application share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints


def _encodable(text: str) -> str:
    # JSON can name half a character, which no encoding can write.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_encodable)
]


def _to_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


# ISO 8601 with zone, or seconds since 1970; kept in UTC.
Time = Annotated[AwareDatetime, AfterValidator(_to_utc)]
