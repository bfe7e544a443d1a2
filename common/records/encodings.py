"""In which encoding a text file is written."""

from __future__ import annotations

from pathlib import Path

from common.console import say
from common.errors import UserError

# What spreadsheets of our two languages write, beside UTF-8.
LIKELY = ("utf_16", "utf_16_le", "utf_16_be", "gb18030", "cp1252")
NAMES = {"gb18030": "GB18030", "cp1252": "Windows-1252"}


def read_text(path: Path) -> str:
    """The text of a file: UTF-8, else what it is recognised as, which is said.

    Raises:
        UserError: it is none of the encodings that spreadsheets write.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    encoding = recognise(data)
    if encoding is None:
        raise UserError(
            "not UTF-8, UTF-16, GB18030 or Windows-1252",
            where=f"{path}:{line}",
            hint="Save it again as UTF-8.",
        )
    say(f"{path}: read as {NAMES.get(encoding, 'UTF-16')}")
    return data.decode(encoding).removeprefix("\ufeff")


def recognise(data: bytes) -> str | None:
    """The encoding of text that is not UTF-8; None where it is none of the likely ones."""
    from charset_normalizer import from_bytes

    found = from_bytes(data, cp_isolation=list(LIKELY)).best()
    if found is None:
        return None
    try:
        data.decode(found.encoding)
    except UnicodeDecodeError:
        return None
    return found.encoding
