"""Workbooks and documents are archives: how large one may be once it is unpacked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

MOST_BYTES = 500_000_000
MOST_ROWS = 1_000_000
# What reads a sheet holds all cells from the first to the last, the empty ones between too.
MOST_CELLS = 50_000_000
CHUNK = 1 << 20
# What `zipfile` raises of what it cannot read; the last two: packed in a way that is not known, or
# under a password.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
ROW = re.compile(rb"<row\b(?:[^>]*?\br=\"(\d{1,9})\")?")
# Only columns beyond Z: few sheets have one.
WIDE = re.compile(rb"\br=\"([A-Z]{2,3})\d")
LONGEST_TAG = 200


def check_unpacked(path: Path, kind: str) -> None:
    """Unpack an archive without keeping it, and see that it is whole and not too large.

    What its directory says of its sizes is not believed: the bytes are counted.

    Args:
        kind: what the archive should be, for the error.

    Raises:
        UserError: it is no archive, or damaged, or unpacks to more than `MOST_BYTES`; a sheet has
            more than `MOST_ROWS` or reaches over more than `MOST_CELLS`.
    """
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                sheet = _Sheet(path) if SHEET.fullmatch(member.filename) else None
                for chunk in _chunks(archive, member):
                    left -= len(chunk)
                    if left < 0:
                        megabytes = MOST_BYTES // 1_000_000
                        raise UserError(f"more than {megabytes} MB when unpacked", where=str(path))
                    if sheet:
                        sheet.read(chunk)
    except UNREADABLE as error:
        raise UserError(f"not {kind}: {error}", where=str(path)) from None


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as file:
        while chunk := file.read(CHUNK):
            yield chunk


class _Sheet:
    """How far a sheet reaches, as far as it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.last_row = 0
        self.columns = 26
        self._end = b""

    def read(self, chunk: bytes) -> None:
        """Count on; a tag may lie across two chunks."""
        text = self._end + chunk
        cut = max(text.rfind(b"<"), len(text) - LONGEST_TAG)
        text, self._end = text[:cut], text[cut:]
        for match in ROW.finditer(text):
            self.rows += 1
            self.last_row = max(self.last_row, int(match[1] or 0))
        for name in set(WIDE.findall(text)):
            self.columns = max(self.columns, _column(name))
        rows = max(self.rows, self.last_row)
        if rows > MOST_ROWS:
            raise UserError(
                f"more than {MOST_ROWS:,} rows", where=str(self.path), hint="Split the file."
            )
        if rows * self.columns > MOST_CELLS:
            raise UserError(
                f"a sheet of {rows:,} rows and {self.columns:,} columns, more than "
                f"{MOST_CELLS:,} cells",
                where=str(self.path),
                hint="Delete what lies far from the table, or save it as CSV.",
            )


def _column(name: bytes) -> int:
    """The number of column `AB`, from 1."""
    number = 0
    for letter in name:
        number = 26 * number + letter - ord("A") + 1
    return number
