"""The rows of a user's file: CSV, TSV, JSONL or Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.console import say
from common.errors import UserError
from common.files import check_readable

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Broken:
    """A row that cannot even be split into fields, and what stands there."""

    reason: str
    content: str | list[str]


Row = tuple[str, dict[str, Any] | Broken]


def read_rows(path: Path) -> list[Row]:
    """All rows of a file, each with its place (`faqs.csv:12`).

    Raises:
        UserError: the file is missing, empty, of unknown format or not UTF-8, or two of its
            columns have one name.
    """
    check_readable(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"unknown format {path.suffix or 'without suffix'!r}",
            where=str(path),
            mend=f"These work: {', '.join(SUFFIXES)}",
        )
    rows = list(_read_rows(path))
    if not rows:
        raise UserError("the file is empty: no records", where=str(path))
    return rows


def _read_rows(path: Path) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    text = _decode(path)
    if suffix in {".jsonl", ".ndjson"}:
        return _read_jsonl(path, text)
    return _read_csv(path, text, separator(path, text.partition("\n")[0]))


def separator(path: Path, header: str) -> str:
    """What stands between the columns of a CSV or TSV file, by its suffix and its first line.

    Spreadsheets write semicolons where the comma is the decimal sign; what is not a comma is said.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    unquoted = re.sub('"[^"]*"', "", header)
    if "," in unquoted:
        return ","
    found = max(OTHER_SEPARATORS, key=unquoted.count)
    if found not in unquoted:
        return ","
    say(f"{path}: columns are separated by {OTHER_SEPARATORS[found]}")
    return found


def _decode(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        encoding = _guess_encoding(data)
        mend = f"Convert it: iconv -f {encoding} -t UTF-8 {path}" if encoding else None
        raise UserError("not UTF-8", where=f"{path}:{line}", mend=mend) from None


def _guess_encoding(data: bytes) -> str | None:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "UTF-16"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return "GB18030"


def _read_jsonl(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            reason = f"broken JSON: {error.msg} at column {error.colno}"
            yield place, Broken(reason, line)
            continue
        yield place, row if isinstance(row, dict) else Broken("not a JSON object", line)


def _read_csv(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    lines = list(io.StringIO(text, newline=""))
    given_up = 0
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        # Counted before the read: a quoted cell may run over several lines.
        number = given_up + reader.line_num + 1
        place = f"{path}:{number}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, Broken(f"broken CSV: {error}", lines[number - 1].rstrip("\r\n"))
            if header is None:
                return
            # A quote left open has swallowed lines that follow: only its own is given up.
            given_up = number
            reader = csv.reader(lines[number:], delimiter=delimiter, strict=True)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(place, cells)
        elif len(cells) != len(header):
            reason = f"{len(cells)} cells, but the header has {len(header)}"
            yield place, Broken(reason, cells)
        else:
            present = zip(header, cells, strict=True)
            yield place, {name: cell if cell.strip() else None for name, cell in present}


def _header(place: str, cells: Sequence[str]) -> list[str]:
    """Column names; a nameless one, such as an index that was written along, gets its number."""
    names = [cell.strip() or f"column {n}" for n, cell in enumerate(cells, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two columns are named {name!r}", where=place)
    return names


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"not a Parquet file: {error}", where=str(path)) from None
    for number, row in enumerate(rows, start=1):
        yield f"{path}:row {number}", row
