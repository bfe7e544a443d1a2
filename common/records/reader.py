"""Read a user's file into typed records."""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from common.console import say
from common.errors import UserError, reason_of
from common.files import file_sha256, write_atomically
from common.records.columns import guessed, match_columns, suggest
from common.records.rows import Broken, Row, is_nameless, read_rows

R = TypeVar("R", bound=BaseModel)
OnBadRow = Literal["fail", "skip"]

BAD_ROWS_SHOWN = 10
# Characters of a value that is refused.
MOST_SHOWN = 40


@dataclass(frozen=True)
class Records(Generic[R]):
    """Records of one file in their order; `places` says where each stands (`faqs.csv:12`)."""

    items: list[R]
    places: list[str]
    source: Path
    sha256: str
    rejected: int = 0

    @property
    def short_places(self) -> list[str]:
        """Places without the directories of this machine, for what leaves it."""
        directory = f"{self.source.parent}/"
        return [place.removeprefix(directory) for place in self.places]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[R]:
        return iter(self.items)


@dataclass(frozen=True)
class _BadRow:
    place: str
    reason: str
    row: Any


class BadRowError(Exception):
    """A row whose values do not make a record."""


def read_records(
    path: Path,
    record: type[R],
    *,
    mapping: Mapping[str, str] | None = None,
    optional: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "fail",
    rejected_directory: Path | None = None,
    context: Mapping[str, Any] | None = None,
) -> Records[R]:
    """Read every row of `path` as a `record`.

    Args:
        mapping: our field name → the file's column.
        optional: likewise; where the file has no such column, the field stays empty.
        context: what the record's validators may ask for, as pydantic's validation context.
        on_bad_row: `skip` goes on and writes the bad rows, with reasons, to
            `rejected_directory` (default: beside the file) as `NAME.rejected.jsonl`.

    Raises:
        UserError: the file is missing, empty, of unknown format or encoding, lacks a column, or
            has bad rows (all of them counted, the first ten shown).
    """
    rows = read_rows(path)
    columns = _columns(rows)
    asked = {name: c for name, c in (optional or {}).items() if name in record.model_fields}
    sources = _field_sources(path, record, dict(mapping or {}), asked, columns, len(rows))
    ignored = sorted(columns.keys() - set(sources.values()))
    if record.model_config.get("extra") == "allow":
        sources |= {column: column for column in ignored}
    elif ignored:
        say(f"{path}: ignored columns: {', '.join(ignored)}")

    items, places, bad = [], [], []
    for place, row in rows:
        if isinstance(row, Broken):
            bad.append(_BadRow(place, row.reason, row.content))
            continue
        try:
            items.append(parse_row(record, row, sources, context))
            places.append(place)
        except BadRowError as error:
            bad.append(_BadRow(place, str(error), row))
    if bad:
        _report(path, bad, len(rows), on_bad_row, rejected_directory)
    return Records(items, places, path, file_sha256(path), len(bad))


def hashes_by_name(files: Iterable[tuple[Path, str]]) -> dict[str, str]:
    """File name → SHA-256, for a manifest: where the files lay is nobody's business there."""
    found: dict[str, str] = {}
    for path, sha256 in files:
        name = path.name
        while found.get(name, sha256) != sha256:
            name = f"other {name}"
        found[name] = sha256
    return found


def write_jsonl(path: Path, records: Iterable[BaseModel]) -> None:
    """Write records as JSON lines, atomically; absent fields are left out."""
    lines = [record.model_dump_json(exclude_none=True) + "\n" for record in records]
    write_atomically(path, "".join(lines))


def _columns(rows: Sequence[Row]) -> Counter[str]:
    """The columns' names, and how much is written in each."""
    written: Counter[str] = Counter()
    for _, row in rows:
        if isinstance(row, dict):
            written.update({name: len(str(value)) for name, value in row.items()})
    return written


def _field_sources(
    path: Path,
    record: type[BaseModel],
    mapping: dict[str, str],
    optional: dict[str, str],
    columns: Counter[str],
    rows: int,
) -> dict[str, str]:
    """The column that each field is read from."""
    for name, column in mapping.items():
        if name not in record.model_fields:
            near = difflib.get_close_matches(name, record.model_fields, n=1)
            raise UserError(
                f"--map {name}=…: there is no field {name!r}",
                hint=f"Fields: {', '.join(near or record.model_fields)}",
            )
        if column not in columns:
            raise UserError(
                f"no column {column!r}, which --map {name}={column} names",
                where=str(path),
                hint=f"Its columns: {', '.join(sorted(columns))}",
            )
    for name, column in optional.items():
        if column not in columns:
            say(f"{path}: no column {column!r}: {name} stays empty")
    mapping = optional | mapping
    sources = match_columns(record.model_fields, columns, mapping)
    if said := guessed(sources, mapping):
        say(f"{path}: read {said}")
    for name, definition in record.model_fields.items():
        if definition.is_required() and name not in sources and columns:
            free = {c: columns[c] / rows for c in columns if c not in sources.values()}
            hint = f"Name your column: --map {name}={suggest(name, free) or 'COLUMN'}"
            if 2 * sum(map(is_nameless, columns)) > len(columns):
                hint = "The first row names the columns: delete titles above it"
            raise UserError(
                f"missing column {name!r}",
                where=str(path),
                hint=f"{hint} (columns: {', '.join(sorted(columns))})",
            )
    return {name: sources.get(name, name) for name in record.model_fields}


def parse_row(
    record: type[R],
    row: dict[str, Any],
    sources: Mapping[str, str],
    context: Mapping[str, Any] | None = None,
) -> R:
    """One row as a `record`.

    Args:
        sources: the column of each field.

    Raises:
        BadRowError: its values do not make one.
    """
    present = {name: row.get(column) for name, column in sources.items()}
    values = {name: value for name, value in present.items() if not _is_missing(value)}
    for name, value in values.items():
        field = record.model_fields.get(name)
        if field and isinstance(value, str) and _is_list(field.annotation):
            values[name] = _list_cell(value)
    try:
        return record.model_validate(values, context=dict(context or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        raise BadRowError(f"{where}: {reason_of(first)}{_given(first['input'])}") from None


def _is_missing(value: Any) -> bool:
    """Whether there is nothing: NaN is what Python writes into JSON for an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _given(value: Any) -> str:
    """A value as it stands in the file, where it is short enough to be read at a glance."""
    is_short = isinstance(value, str | int | float) and 0 < len(str(value)) <= MOST_SHOWN
    return f" (given: {value!r})" if is_short else ""


def _is_list(annotation: Any) -> bool:
    """Whether a field holds a list, or a list or nothing."""
    return list in {get_origin(annotation), *map(get_origin, get_args(annotation))}


def _list_cell(cell: str) -> Any:
    """A list in one CSV cell: a JSON array, or parts between vertical bars."""
    if cell.lstrip().startswith("["):
        # "[Card] is it lost?" is a text like any other.
        with suppress(ValueError, RecursionError):
            return json.loads(cell)
    return [part.strip() for part in cell.split("|") if part.strip()]


def _report(
    path: Path, bad: list[_BadRow], total: int, on_bad_row: OnBadRow, directory: Path | None
) -> None:
    shown = "\n".join(f"  {row.place}: {row.reason}" for row in bad[:BAD_ROWS_SHOWN])
    more = f"\n  … and {len(bad) - BAD_ROWS_SHOWN} more" if len(bad) > BAD_ROWS_SHOWN else ""
    summary = f"{len(bad)} of {total} rows are bad:\n{shown}{more}"
    if on_bad_row == "fail" or len(bad) == total:
        hint = "Fix them, or skip them: --on-bad-row skip" if len(bad) < total else None
        raise UserError(summary, where=str(path), hint=hint)
    rejected = (directory or path.parent) / f"{path.stem}.rejected.jsonl"
    lines = [
        json.dumps(
            {"place": r.place, "reason": r.reason, "row": r.row}, ensure_ascii=False, default=str
        )
        for r in bad
    ]
    write_atomically(rejected, "\n".join(lines) + "\n")
    say(f"{path}: {summary}\n  They were written to {rejected}")
