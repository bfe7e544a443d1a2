"""A file of dialogues → dialogues, whatever its form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from apps.customer_service.importing.dialogues.exports import (
    NAMES,
    Read,
    form_of,
    read_exported,
)
from apps.customer_service.importing.dialogues.speakers import Sides
from apps.customer_service.importing.dialogues.tables import FIELDS, read_turns, turn_columns
from apps.customer_service.importing.dialogues.transcripts import is_transcript, read_transcripts
from apps.customer_service.importing.schema import Rejected, Source
from common.console import say
from common.errors import UserError
from common.files import check_readable
from common.records.encodings import read_text
from common.records.paths import SUFFIXES
from common.records.rows import Broken, Row, iterate_rows

TURNS_TABLE = "one turn a row"
TRANSCRIPT = "chat transcript"
# Text is held in memory while it is read, and JSON several times over.
MOST_BYTES = 2_000_000_000
MOST_JSON_BYTES = 500_000_000
MOST_TURNS = 5_000_000
ROWS_LOOKED_AT = 200
# How far a large file is, is said each time so many rows were read, which takes a second or two.
ROWS_TOLD = 100_000
WRAPPERS = ("data", "payload", "tickets", "conversations", "results", "items")


def recognise(path: Path, mapping: Mapping[str, str], sides: Sides | None = None) -> str | None:
    """The form of dialogues that a file holds; None where it holds none.

    Args:
        sides: on which those are who speak, where that was said.

    Raises:
        UserError: the file cannot be read.
    """
    if path.suffix.lower() == ".txt":
        return TRANSCRIPT if is_transcript(read_text(path), sides) else None
    if path.suffix.lower() not in SUFFIXES:
        return None
    head = [row for _, row in islice(records(path), ROWS_LOOKED_AT) if isinstance(row, dict)]
    # The first may be the one that is malformed.
    if form := next(filter(None, map(form_of, head)), None):
        return form
    columns = dict.fromkeys(name for row in head for name in row)
    return TURNS_TABLE if turn_columns(columns, of_turns(mapping)) else None


def read_dialogues(
    source: Source, mapping: Mapping[str, str], sides: Sides | None = None
) -> Iterator[Read]:
    """The dialogues of a source, and what of it is none.

    Args:
        sides: on which those are who speak, where that was said.

    Raises:
        UserError: the file cannot be read, has more than `MOST_TURNS` rows, its columns are
            not those of a dialogue log, or it goes by names and nobody said who answers.
    """
    sides = sides or Sides()
    if source.form == TRANSCRIPT:
        yield from read_transcripts(source.path, read_text(source.path), sides)
        return
    rows = records(source.path)
    if source.form in NAMES:
        yield from _exported(source.form, rows, sides)
        return
    head = list(islice(rows, ROWS_LOOKED_AT))
    names = dict.fromkeys(name for _, row in head if isinstance(row, dict) for name in row)
    columns = turn_columns(names, of_turns(mapping))
    if columns is None:
        raise UserError(
            "not a dialogue log: no columns for dialogue_id, speaker and message",
            where=str(source.path),
            hint=f"Name yours: --map dialogue_id=COLUMN (columns: {', '.join(names)})",
        )
    yield from read_turns(chain(head, rows), columns, sides)


def _exported(form: str, rows: Iterator[Row], sides: Sides) -> Iterator[Read]:
    rejected: list[Rejected] = []

    def whole() -> Iterator[tuple[str, dict[str, Any]]]:
        for place, row in rows:
            if isinstance(row, Broken):
                rejected.append(Rejected(place, row.reason, str(row.content)))
            elif form_of(row) != form:
                rejected.append(Rejected(place, f"not in the form of {form}"))
            else:
                yield place, row

    yield from read_exported(form, whole(), sides)
    yield from rejected


def records(path: Path) -> Iterator[Row]:
    """Rows of a table, or the objects of a JSON file wherever an export wraps them."""
    check_readable(path)
    is_json = path.suffix.lower() == ".json"
    most = MOST_JSON_BYTES if is_json else MOST_BYTES
    if path.stat().st_size > most:
        raise UserError(
            f"more than {most // 1_000_000} MB",
            where=str(path),
            hint="Save it as JSON lines (.jsonl)." if is_json else "Split the file.",
        )
    if not is_json:
        yield from _counted(path, iterate_rows(path, most=MOST_TURNS))
        return
    try:
        whole = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise UserError(
            f"broken JSON: {error.msg} at column {error.colno}", where=f"{path}:{error.lineno}"
        ) from None
    except RecursionError:
        raise UserError("broken JSON: nested too deeply", where=str(path)) from None
    except ValueError:
        raise UserError("broken JSON: a number that is too long", where=str(path)) from None
    for number, row in enumerate(_unwrapped(whole), start=1):
        is_object = isinstance(row, dict)
        yield f"{path}:record {number}", row if is_object else Broken("not a JSON object", str(row))


def _counted(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        if number % ROWS_TOLD == 0:
            say(f"{path.name}: {number:,} rows read")
        yield row


def _unwrapped(whole: Any) -> list[Any]:
    """The list that an export is about: itself, under a usual name, or several parts in a row."""
    if isinstance(whole, list):
        return whole
    if not isinstance(whole, dict) or form_of(whole):
        return [whole]
    for name in WRAPPERS:
        if isinstance(whole.get(name), list | dict):
            return _unwrapped(whole[name])
    lists = [value for value in whole.values() if isinstance(value, list)]
    return [row for part in lists for row in part] or [whole]


def of_turns(mapping: Mapping[str, str]) -> dict[str, str]:
    """What `--map` says of the fields of a turn."""
    return {name: column for name, column in mapping.items() if name in FIELDS}
