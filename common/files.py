"""Files written whole or not at all, content hashes, and a lock between processes."""

from __future__ import annotations

import difflib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common.errors import UserError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
# Nothing that is still being written is this old.
OLD_SECONDS = 86_400.0


def check_readable(path: Path) -> None:
    """See that there is a file to read.

    Raises:
        UserError: it is missing, a directory, or not to be read by this user.
    """
    if path.is_dir():
        raise UserError("a directory, not a file", where=str(path))
    if not path.exists():
        raise UserError("no such file", where=str(path), hint=_near(path))
    if not os.access(path, os.R_OK):
        raise UserError("not readable by this user", where=str(path), hint=f"chmod u+r {path}")


def _near(path: Path) -> str | None:
    """A file of nearly the same name beside it."""
    with suppress(OSError):
        beside = [other.name for other in path.parent.iterdir()]
        names = difflib.get_close_matches(path.name, beside, n=1)
        return f"Did you mean {path.with_name(names[0])}?" if names else None
    return None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write beside `path`, sync, and rename, so that a reader sees the old file or the new."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def keep_newest(root: Path, count: int) -> None:
    """Delete all directories in `root` but the `count` that were touched last; hidden ones stay."""
    found = [path for path in root.glob("[!.]*") if path.is_dir()]
    for path in sorted(found, key=lambda one: one.stat().st_mtime)[:-count]:
        shutil.rmtree(path, ignore_errors=True)


def append_whole(path: Path, lines: bytes) -> None:
    """Append `lines` and wait until they are on disk: all of them, or none where that fails.

    An earlier line that was cut off, by a kill or a power failure, is ended first, so that it
    spoils no other. The caller sees to it that nobody else writes.

    Raises:
        OSError: they cannot be written, as on a full disk.
    """
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                lines = b"\n" + lines
        descriptor = file.fileno()
        try:
            left = memoryview(lines)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such file", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise UserError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
    except UnicodeDecodeError:
        raise UserError("not JSON: not UTF-8", where=str(path)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file.

    Raises:
        UserError: the file is missing, may not be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise UserError("a directory, not a file", where=str(path)) from None
    except PermissionError:
        raise UserError("this user may not read the file", where=str(path)) from None
    except ValueError as error:  # not TOML, or not UTF-8
        line = re.search(r"\(at line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise UserError(f"broken TOML: {error}", where=where) from None


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def directory_hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below `directory`, by its relative POSIX path, sorted."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): file_sha256(path) for path in files}


@contextmanager
def exclusive_lock(path: Path, *, waits: bool = False) -> Iterator[None]:
    """Hold `path` as a lock between processes; it is let go when the process dies.

    Args:
        waits: until no other process holds it.

    Raises:
        UserError: another process holds it, and nobody waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(
                "another process is using this directory",
                where=str(path),
                hint="Wait until it finishes.",
            ) from None
        yield


@contextmanager
def scratch(root: Path, prefix: str) -> Iterator[Path]:
    """A directory below `root` that is gone after the `with` block.

    What killed runs left there goes as well, once it is old.
    """
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > OLD_SECONDS:
                shutil.rmtree(left)
    with TemporaryDirectory(dir=root, prefix=prefix) as folder:
        yield Path(folder)
