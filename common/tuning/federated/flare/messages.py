"""Files of a round on their way: bytes by their names, and nothing but the names that are due."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import UserError
from common.files import write_atomically

JOIN, CONTRIBUTE, TAKE = TASKS = ("join", "contribute", "take")
FILES = "files"


def read_files(directory: Path, pattern: str) -> dict[str, bytes]:
    """Path below `directory` → content, of the files that match."""
    paths = [path for path in sorted(directory.glob(pattern)) if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def write_files(message: Mapping[str, Any], directory: Path, pattern: str) -> None:
    """Write what somebody sent.

    Args:
        pattern: of every name, as in `fnmatch`; where somebody else's files lie, it does not match.

    Raises:
        UserError: there is nothing, or something else; nothing is written.
    """
    files = message.get(FILES)
    if not isinstance(files, dict) or not files:
        raise UserError(f"a message without files, where {pattern} was due")
    for name, content in files.items():
        if not (isinstance(name, str) and isinstance(content, bytes) and _is_due(name, pattern)):
            raise UserError(f"a message with {name!r}, where {pattern} was due")
    for name, content in files.items():
        write_atomically(directory / name, content)


def _is_due(name: str, pattern: str) -> bool:
    within = ".." not in PurePosixPath(name).parts and "\\" not in name
    return within and fnmatchcase(name, pattern)
