"""Corrected labels put into a user's own records; all other columns stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.records.columns import match_columns
from common.records.fields import Text
from common.records.reader import BadRowError, parse_row, read_records
from common.records.rows import read_rows
from common.records.text import fold
from common.records.writing import write_table

R = TypeVar("R", bound=BaseModel)


class Correction(BaseModel):
    """A row of the table that came back; an empty `label` takes the whole record out."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    place: Text
    field: Text
    text: Text
    given: str = ""
    label: str = ""

    @property
    def changes(self) -> bool:
        """Whether a person changed the label."""
        return self.label.strip() != self.given.strip()


@dataclass(frozen=True)
class Files(Generic[R]):
    """A user's files and how they are read; `text_of` is what a correction shows of a record."""

    paths: Sequence[Path]
    record: type[R]
    text_of: Callable[[R], str]
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """How many labels were changed, how many records taken out, and how many are left."""

    changed: int
    removed: int
    records: int


def apply_corrections(files: Files[R], corrections: Path, out: Path) -> Applied:
    """Write all records into one table, with the corrected labels.

    Raises:
        UserError: a correction names no record, another text than stands there, or a label that
            cannot be; or the files call their columns differently.
    """
    wanted = _wanted(corrections)
    rows: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    removed = changed = 0
    for path in files.paths:
        read = read_records(path, files.record, mapping=files.mapping)
        raw = {place: row for place, row in read_rows(path) if isinstance(row, dict)}
        columns = match_columns(
            files.record.model_fields, {name for row in raw.values() for name in row}, files.mapping
        )
        first = first or columns
        if columns != first:
            raise UserError(
                "its columns are not those of the other files",
                where=str(path),
                hint="Apply the corrections one file at a time.",
            )
        for place, short, record in zip(read.places, read.short_places, read.items, strict=True):
            row = raw[place]
            mended = wanted.pop(short, [])
            for where, one in mended:
                _check_text(one, files.text_of(record), where)
                row = _mended(files.record, row, columns, one, where)
            if any(not one.label.strip() for _, one in mended):
                removed += 1
                continue
            changed += len(mended)
            rows.append(row)
    if wanted:
        where, one = next(iter(wanted.values()))[0]
        raise UserError(
            f"there is no record {one.place}", where=where, hint="Give the files that were read."
        )
    if not rows:
        raise UserError("no record is left", where=str(corrections))
    write_table(out, rows)
    return Applied(changed, removed, len(rows))


def _wanted(corrections: Path) -> dict[str, list[tuple[str, Correction]]]:
    """What is to be changed, and where that is said, by the place of the record."""
    read = read_records(corrections, Correction)
    found: dict[str, list[tuple[str, Correction]]] = {}
    for where, one in zip(read.places, read.items, strict=True):
        if one.changes:
            found.setdefault(one.place, []).append((where, one))
    return found


def _check_text(one: Correction, text: str, where: str) -> None:
    if fold(one.text) != fold(text):
        raise UserError(
            f"another text stands at {one.place}",
            where=where,
            hint="The file has changed since: look for suspects again.",
        )


def _mended(
    record: type[BaseModel],
    row: dict[str, Any],
    columns: Mapping[str, str],
    one: Correction,
    where: str,
) -> dict[str, Any]:
    """The row with the label; a list stays a list."""
    if one.field not in columns:
        raise UserError(f"there is no column for {one.field!r}", where=where)
    if not one.label.strip():
        return row
    column, label = columns[one.field], one.label.strip()
    value = label.split("|") if isinstance(row.get(column), list) else label
    mended = {**row, column: value}
    sources = {name: columns.get(name, name) for name in record.model_fields}
    try:
        parse_row(record, mended, sources)
    except BadRowError as error:
        raise UserError(str(error), where=where) from None
    return mended
