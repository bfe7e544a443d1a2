"""The files that a user means: one by one, all tables of a folder, or what comes in on stdin."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common.console import say
from common.errors import UserError
from common.files import check_readable

# Of a workbook with macros the cells are read; a macro is never run.
WORKBOOKS = (".xlsx", ".xlsm")
SUFFIXES = (".csv", ".tsv", *WORKBOOKS, ".json", ".jsonl", ".ndjson", ".parquet")
STDIN = Path("-")
WORKBOOK, PARQUET = b"PK\x03\x04", b"PAR1"


def expand(paths: Sequence[Path]) -> list[Path]:
    """Files for folders and for `-`, in the order of their names.

    Rejected rows that an earlier run wrote into a folder are none of its tables.

    Raises:
        UserError: one is missing or cannot be read, or a folder holds no table.
    """
    found: list[Path] = []
    for path in paths:
        if path == STDIN:
            found.append(_spooled())
        elif path.is_dir():
            tables = tables_of(path)
            say(f"{path}: {', '.join(table.name for table in tables)}")
            found += tables
        else:
            check_readable(path)
            found.append(path)
    return found


def tables_of(folder: Path) -> list[Path]:
    """The tables of a folder, by name.

    Raises:
        UserError: it holds none, or one cannot be read.
    """
    tables = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith((".", "~"))
        and not path.stem.endswith(".rejected")
        and path.is_file()
    ]
    if not tables:
        raise UserError(
            "a folder without a table", where=str(folder), hint=f"Tables: {', '.join(SUFFIXES)}"
        )
    for table in tables:
        check_readable(table)
    return tables


def _spooled() -> Path:
    """What comes in on stdin, as a file whose suffix says what it is."""
    data = sys.stdin.buffer.read()
    folder = Path(tempfile.mkdtemp(prefix="bizlm-stdin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"stdin{_suffix(data)}"
    path.write_bytes(data)
    return path


def _suffix(data: bytes) -> str:
    if data.startswith(WORKBOOK):
        return ".xlsx"
    if data.startswith(PARQUET):
        return ".parquet"
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"{": ".jsonl", b"[": ".json"}.get(start, ".csv")
