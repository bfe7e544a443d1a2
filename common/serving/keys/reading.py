"""A file of keys: TOML, a table for each key, or the older lines `name sha256hex`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import UserError, reason_of
from common.serving.keys.key import HASH, NAME, ApiKey, check_name, digest_of
from common.serving.keys.scopes import SCOPES, Scope

# As long as what is drawn at random, so that nobody guesses what somebody wrote by hand.
SHORTEST_VALUE = 32

Moment = datetime | date


class Entry(BaseModel):
    """The table of one key; the last day of `valid_until` counts, days are those of UTC."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hash: Annotated[str, Field(pattern=f"^{HASH.pattern}$")] | None = None
    value: Annotated[str, Field(min_length=SHORTEST_VALUE)] | None = None
    scopes: Annotated[list[Scope], Field(min_length=1)]
    valid_from: Moment | None = None
    valid_until: Moment | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Entry:
        if (self.hash is None) == (self.value is None):
            raise ValueError("give either hash or value")
        begin, end = first_moment(self.valid_from), last_moment(self.valid_until)
        if begin and end and end <= begin:
            raise ValueError("valid_until comes before valid_from")
        return self

    def key(self, name: str) -> ApiKey:
        """The key of this table."""
        return ApiKey(
            name,
            self.hash or digest_of(self.value or ""),
            frozenset(self.scopes),
            first_moment(self.valid_from),
            last_moment(self.valid_until),
        )


def first_moment(given: Moment | None) -> datetime | None:
    """The moment at which a day or a time begins."""
    if given is None:
        return None
    moment = given if isinstance(given, datetime) else datetime.combine(given, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def last_moment(given: Moment | None) -> datetime | None:
    """The moment at which a time has come, or a day is over."""
    if given is None or isinstance(given, datetime):
        return first_moment(given)
    return first_moment(given + timedelta(days=1))


def read_keys(path: Path) -> list[ApiKey]:
    """The keys in a file.

    Raises:
        UserError: it is missing or malformed (with its line or key); what it holds is not shown.
    """
    return keys_in(read_text(path), path)


def keys_in(text: str, path: Path) -> list[ApiKey]:
    """The same of what stands in it.

    Raises:
        UserError: as `read_keys`.
    """
    found = _read_lines(text, path) if is_older(text) else _read_toml(text, path)
    if len({key.digest for key in found}) < len(found):
        raise UserError("two names have the same key", where=str(path))
    return found


def read_text(path: Path) -> str:
    """What stands in a file of keys.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise UserError(
            "no such file" if missing else str(error.strerror), where=str(path)
        ) from None
    except UnicodeDecodeError:
        raise UserError("not a text file", where=str(path)) from None


def is_older(text: str) -> bool:
    """Whether its keys have no scopes: lines of a name and a hash."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and not any("=" in line or line.lstrip().startswith("[") for line in lines)


def _read_toml(text: str, path: Path) -> list[ApiKey]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise UserError("not TOML", where=where) from None
    return [_read_table(name, table, path) for name, table in tables.items()]


def _read_table(name: str, table: Any, path: Path) -> ApiKey:
    where = f"{path}: [{name}]"
    if not isinstance(table, dict):
        raise UserError("not a table of a key", where=f"{path}: {name}")
    check_name(name)
    try:
        return Entry.model_validate(table).key(name)
    except ValidationError as error:
        # Without the input: it may be a key.
        wrong = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in wrong["loc"] if isinstance(part, int | str))
        raise UserError(
            f"{field}: {reason_of(wrong)}" if field else reason_of(wrong),
            where=where,
            hint=f'A key has hash = "…" and scopes = [{_quoted(SCOPES)}] or some of them.',
        ) from None


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _read_lines(text: str, path: Path) -> list[ApiKey]:
    found: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        match line.split():
            case [name, digest] if NAME.fullmatch(name) and HASH.fullmatch(digest):
                if name in found:
                    raise UserError(f"the name {name!r} appears twice", where=where)
                found[name] = ApiKey(name, digest, frozenset(SCOPES), is_scoped=False)
            case _:
                # The line itself is not shown: it may be a key put here by mistake.
                raise UserError("not 'name sha256hex'", where=where)
    return list(found.values())
