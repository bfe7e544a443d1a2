"""Records written as a table that people open: what is text there stays text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_atomically
from common.records.spreadsheet import write_sheet

LINES = ("", ".jsonl", ".ndjson")
SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")
# What a spreadsheet takes for a formula (OWASP, "CSV injection"); an apostrophe makes it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

# Of an Excel sheet: rows below its header, and characters of a cell.
MOST_ROWS, LONGEST_CELL = 1_048_575, 32_767


def check_writable_as(path: Path) -> None:
    """See that `path` has a suffix that can be written; none is JSON lines.

    Raises:
        UserError: it has none of these.
    """
    if path.suffix.lower() not in {*LINES, *SUFFIXES}:
        raise UserError(
            f"unknown format {path.suffix!r}",
            where=str(path),
            hint=f"These work: {', '.join(SUFFIXES)}",
        )


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, whole or not at all; lists go into one cell, parts between vertical bars.

    Raises:
        UserError: the suffix is none of `SUFFIXES`, or it is more than an Excel sheet holds.
    """
    check_writable_as(path)
    suffix = path.suffix.lower()
    if suffix in LINES:
        lines = [json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows]
        write_atomically(path, "".join(lines))
    elif suffix == ".parquet":
        _write_parquet(path, rows)
    elif suffix == ".xlsx":
        cells = [_cells(row) for row in rows]
        _check_fits(path, cells)
        with _replacing(path) as temporary:
            write_sheet(temporary, _columns(rows), cells)
    else:
        write_atomically(path, csv_bytes(rows, "\t" if suffix == ".tsv" else ","))


def _check_fits(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """See that Excel can hold it; what it cannot is left out of the file without a word."""
    hint = "Write .csv, .jsonl or .parquet."
    if len(rows) > MOST_ROWS:
        raise UserError(
            f"{len(rows):,} rows; a sheet has at most {MOST_ROWS:,}", where=str(path), hint=hint
        )
    for number, row in enumerate(rows, start=1):
        for name, value in row.items():
            if isinstance(value, str) and len(value) > LONGEST_CELL:
                raise UserError(
                    f"row {number}: {name}: {len(value):,} characters; a cell has at most "
                    f"{LONGEST_CELL:,}",
                    where=str(path),
                    hint=hint,
                )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place once it is whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def csv_bytes(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> bytes:
    """`rows` as `write_table` writes them into a file."""
    columns = _columns(rows)
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in _cells(row).items()})
    # With a BOM: without one Excel reads UTF-8 as the machine's own encoding.
    return file.getvalue().encode("utf-8-sig")


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if all(isinstance(part, str) and "|" not in part and part[:1] != "[" for part in value):
            return "|".join(value)
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if isinstance(value, str | int | float | None) else str(value)


def _text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), temporary)
