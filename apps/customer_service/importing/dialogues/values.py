"""Values of a record that somebody else's program wrote: as they should be, or why they are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
LONGEST_SHOWN = 60


class MalformedError(Exception):
    """A record is not what its form says; the text says where in it."""


def an_object(value: object, where: str) -> Record:
    """A JSON object; an empty one where there is nothing.

    Raises:
        MalformedError: it is something else.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, dict):
        return value
    raise MalformedError(f"{where}: not an object: {_shown(value)}")


def a_list(value: object, where: str) -> Sequence[Any]:
    """A JSON list; an empty one where there is nothing.

    Raises:
        MalformedError: it is something else.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, list):
        return value
    raise MalformedError(f"{where}: not a list: {_shown(value)}")


def objects(value: object, where: str) -> list[Record]:
    """A list of JSON objects, none of them missing.

    Raises:
        MalformedError: it is no list, or something in it is no object.
    """
    found = a_list(value, where)
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            raise MalformedError(f"{where} {number}: not an object: {_shown(one)}")
    return list(found)


def words(value: object, where: str) -> str:
    """A text; of content in parts, as OpenAI's messages have it, the text of all parts.

    Raises:
        MalformedError: it is something else.
    """
    if isinstance(value, list):
        parts = [_of_part(part, f"{where} {n}") for n, part in enumerate(value, start=1)]
        return "\n".join(part for part in parts if part)
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value).replace("&nbsp;", " ").strip()
    raise MalformedError(f"{where}: not a text: {_shown(value)}")


def _of_part(part: Any, where: str) -> str:
    """What a part of a message says; nothing of a picture or a file."""
    text = part.get("text") if isinstance(part, dict) else part
    text = text.get("value") if isinstance(text, dict) else text
    if isinstance(text, list):
        raise MalformedError(f"{where}: not a text: {_shown(text)}")
    return words(text, where)


def first(record: Record, names: Iterable[str]) -> Any:
    """The value of the first of some names that has one."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def within(record: Record, *names: str) -> Any:
    """A value some levels down, or None."""
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def named(value: object) -> str | None:
    """A name or a number as text; None where there is none."""
    return None if value is None or value == "" else str(value)


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
