"""The rows of a user's table: CSV, TSV, Excel, JSON, JSON lines or Parquet."""

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
from common.records.encodings import read_text
from common.records.paths import SUFFIXES, WORKBOOKS
from common.records.spreadsheet import read_sheet

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Broken:
    """A row that cannot even be split into fields, and what stands there."""

    reason: str
    content: str | list[str]


Row = tuple[str, dict[str, Any] | Broken]


def read_rows(path: Path) -> list[Row]:
    """All rows of a file, each with its place (`faqs.csv:12`).

    Raises:
        UserError: the file is missing, empty, of unknown format or encoding, or two of its
            columns have one name.
    """
    rows = list(iterate_rows(path))
    if not rows:
        raise UserError("the file is empty: no records", where=str(path))
    return rows


def iterate_rows(path: Path, *, most: int | None = None) -> Iterator[Row]:
    """The rows of a file one after the other, for who need not hold all of them.

    Args:
        most: rows that are read; a file with more is refused where the next one begins.

    Raises:
        UserError: as `read_rows`, but for an empty file; or it has more rows.
    """
    check_readable(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"unknown format {path.suffix or 'without suffix'!r}",
            where=str(path),
            hint=f"These work: {', '.join(SUFFIXES)}",
        )
    for count, row in enumerate(_read_rows(path)):
        if count == most:
            raise UserError(f"more than {most:,} rows", where=str(path), hint="Split the file.")
        yield row


def _read_rows(path: Path) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    if suffix in WORKBOOKS:
        return _read_xlsx(path)
    text = read_text(path)
    if suffix == ".json":
        return _read_json(path, text)
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
    # Of as many the first: a comma.
    found = max((",", *OTHER_SEPARATORS), key=unquoted.count)
    if found == ",":
        return ","
    say(f"{path}: columns are separated by {OTHER_SEPARATORS[found]}")
    return found


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
        except RecursionError:
            yield place, Broken("broken JSON: nested too deeply", line)
            continue
        except ValueError:
            # Python reads no number of more than 4,300 digits.
            yield place, Broken("broken JSON: a number that is too long", line)
            continue
        yield place, row if isinstance(row, dict) else Broken("not a JSON object", line)


def _read_json(path: Path, text: str) -> Iterator[Row]:
    """A list of objects, by itself or as the only list of an object."""
    try:
        whole: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"broken JSON: {error.msg} at column {error.colno}",
            where=f"{path}:{error.lineno}",
            hint="If each line is an object of its own, call the file .jsonl.",
        ) from None
    except RecursionError:
        raise UserError("broken JSON: nested too deeply", where=str(path)) from None
    except ValueError:
        raise UserError("broken JSON: a number that is too long", where=str(path)) from None
    values = whole.values() if isinstance(whole, dict) else ()
    lists = [value for value in values if isinstance(value, list)]
    rows = lists[0] if len(lists) == 1 else whole
    if not isinstance(rows, list):
        raise UserError("not a list of objects", where=str(path))
    for number, row in enumerate(rows, start=1):
        broken = Broken("not a JSON object", json.dumps(row, ensure_ascii=False))
        yield f"{path}:record {number}", row if isinstance(row, dict) else broken


def _read_xlsx(path: Path) -> Iterator[Row]:
    header: list[str] | None = None
    for number, cells in read_sheet(path):
        if not any(cell and cell.strip() for cell in cells):
            continue
        place = f"{path}:row {number}"
        if header is None:
            header = _header(place, [cell or "" for cell in cells])
        else:
            present = zip(header, cells, strict=True)
            yield place, {name: cell if cell and cell.strip() else None for name, cell in present}


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
            reason = f"broken CSV: {error}"
            if "field limit" in reason:
                reason = (
                    f"a cell of more than {csv.field_size_limit():,} characters, or a quote open"
                )
            yield place, Broken(reason, lines[number - 1].rstrip("\r\n"))
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


def is_nameless(column: str) -> bool:
    """Whether a column has its number for a name."""
    return re.fullmatch(r"column \d+", column) is not None


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"not a Parquet file: {error}", where=str(path)) from None
    for number, row in enumerate(rows, start=1):
        yield f"{path}:row {number}", row
