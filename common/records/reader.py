"""Read a user's file into typed records: CSV, TSV, JSONL or Parquet."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from common.console import say
from common.errors import UserError
from common.files import file_sha256, write_atomically

R = TypeVar("R", bound=BaseModel)
OnBadRow = Literal["fail", "skip"]

BAD_ROWS_SHOWN = 10
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Records(Generic[R]):
    """Records of one file in their order; `places` says where each stands (`faqs.csv:12`)."""

    items: list[R]
    places: list[str]
    source: Path
    sha256: str
    rejected: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[R]:
        return iter(self.items)


@dataclass(frozen=True)
class _Broken:
    """A row that cannot even be split into fields, and what stands there."""

    reason: str
    content: str | list[str]


Row = tuple[str, dict[str, Any] | _Broken]


@dataclass(frozen=True)
class _BadRow:
    place: str
    reason: str
    row: Any


class _BadRowError(Exception):
    """A row whose values do not make a record."""


def read_records(
    path: Path,
    record: type[R],
    *,
    mapping: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "fail",
    rejected_directory: Path | None = None,
) -> Records[R]:
    """Read every row of `path` as a `record`.

    Args:
        mapping: our field name → the file's column.
        on_bad_row: `skip` goes on and writes the bad rows, with reasons, to
            `rejected_directory` (default: beside the file) as `NAME.rejected.jsonl`.

    Raises:
        UserError: the file is missing, empty, of unknown format or not UTF-8, lacks a column, or
            has bad rows (all of them counted, the first ten shown).
    """
    rows = _checked_rows(path)
    columns = _columns(rows)
    sources = _field_sources(path, record, dict(mapping or {}), columns)
    ignored = sorted(columns.keys() - set(sources.values()))
    if record.model_config.get("extra") == "allow":
        sources |= {column: column for column in ignored}
    elif ignored:
        say(f"{path}: ignored columns: {', '.join(ignored)}")

    items, places, bad = [], [], []
    for place, row in rows:
        if isinstance(row, _Broken):
            bad.append(_BadRow(place, row.reason, row.content))
            continue
        try:
            items.append(_parse(record, row, sources))
            places.append(place)
        except _BadRowError as error:
            bad.append(_BadRow(place, str(error), row))
    if bad:
        _report(path, bad, len(rows), on_bad_row, rejected_directory)
    return Records(items, places, path, file_sha256(path), len(bad))


def write_jsonl(path: Path, records: Iterable[BaseModel]) -> None:
    """Write records as JSON lines, atomically; absent fields are left out."""
    lines = [record.model_dump_json(exclude_none=True) + "\n" for record in records]
    write_atomically(path, "".join(lines))


def _checked_rows(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError("no such file", where=str(path))
    if path.is_dir():
        raise UserError("a directory, where a file is wanted", where=str(path))
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
    return _read_csv(path, text, "\t" if suffix == ".tsv" else ",")


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
            yield place, _Broken(reason, line)
            continue
        yield place, row if isinstance(row, dict) else _Broken("not a JSON object", line)


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
            yield place, _Broken(f"broken CSV: {error}", lines[number - 1].rstrip("\r\n"))
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
            yield place, _Broken(reason, cells)
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


def _columns(rows: Sequence[Row]) -> Counter[str]:
    """The columns' names, and how much is written in each."""
    written: Counter[str] = Counter()
    for _, row in rows:
        if isinstance(row, dict):
            written.update({name: len(str(value)) for name, value in row.items()})
    return written


def _field_sources(
    path: Path, record: type[BaseModel], mapping: dict[str, str], columns: Counter[str]
) -> dict[str, str]:
    """The column that each field is read from."""
    for name, column in mapping.items():
        if name not in record.model_fields:
            near = difflib.get_close_matches(name, record.model_fields, n=1)
            raise UserError(
                f"--map {name}=…: there is no field {name!r}",
                mend=f"Fields: {', '.join(near or record.model_fields)}",
            )
        if column not in columns:
            raise UserError(
                f"no column {column!r}, which --map {name}={column} names",
                where=str(path),
                mend=f"Its columns: {', '.join(sorted(columns))}",
            )
    sources = {name: mapping.get(name, name) for name in record.model_fields}
    for name, definition in record.model_fields.items():
        if definition.is_required() and sources[name] not in columns and columns:
            free = sorted(columns.keys() - set(sources.values())) or sorted(columns)
            near = difflib.get_close_matches(name, free, n=1, cutoff=0.6)
            guess = near[0] if near else max(free, key=lambda column: columns[column])
            raise UserError(
                f"missing column {name!r}",
                where=str(path),
                mend=f"Name yours: --map {name}={guess} (columns: {', '.join(sorted(columns))})",
            )
    return sources


def _parse(record: type[R], row: dict[str, Any], sources: Mapping[str, str]) -> R:
    present = {name: row.get(column) for name, column in sources.items()}
    values = {name: value for name, value in present.items() if value is not None}
    for name, value in values.items():
        field = record.model_fields.get(name)
        if field and isinstance(value, str) and _is_list(field.annotation):
            values[name] = _list_cell(value)
    try:
        return record.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        raise _BadRowError(f"{where}: {first['msg']}") from None


def _is_list(annotation: Any) -> bool:
    """Whether a field holds a list, or a list or nothing."""
    return list in {get_origin(annotation), *map(get_origin, get_args(annotation))}


def _list_cell(cell: str) -> Any:
    """A list in one CSV cell: a JSON array, or parts between vertical bars."""
    if cell.lstrip().startswith("["):
        try:
            return json.loads(cell)
        except json.JSONDecodeError:
            return cell
    return [part.strip() for part in cell.split("|") if part.strip()]


def _report(
    path: Path, bad: list[_BadRow], total: int, on_bad_row: OnBadRow, directory: Path | None
) -> None:
    shown = "\n".join(f"  {row.place}: {row.reason}" for row in bad[:BAD_ROWS_SHOWN])
    more = f"\n  … and {len(bad) - BAD_ROWS_SHOWN} more" if len(bad) > BAD_ROWS_SHOWN else ""
    summary = f"{len(bad)} of {total} rows are bad:\n{shown}{more}"
    if on_bad_row == "fail" or len(bad) == total:
        mend = "Mend them, or go on without them: --on-bad-row skip" if len(bad) < total else None
        raise UserError(summary, where=str(path), mend=mend)
    rejected = (directory or path.parent) / f"{path.stem}.rejected.jsonl"
    lines = [
        json.dumps(
            {"place": r.place, "reason": r.reason, "row": r.row}, ensure_ascii=False, default=str
        )
        for r in bad
    ]
    write_atomically(rejected, "\n".join(lines) + "\n")
    say(f"{path}: {summary}\n  They are kept in {rejected}")
