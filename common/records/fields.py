"""Field types that the records of every application share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _encodable(text: str) -> str:
    # JSON can name half a character, which no encoding can write.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair")
    return text


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_encodable)
]
