"""A file that is being read, known by what it is: its device, its inode, and its content."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from apps.finance_monitor.feeds.feed import Position
from apps.finance_monitor.feeds.lines import CHUNK, LineParser, Taken
from apps.finance_monitor.schema import FeedRecord
from common.errors import UserError

# Bytes at either edge of what was read by which a file is known again.
EDGE = 1024


class FilePosition(Position):
    """A file and how far it was read; `offset` in bytes, `line` the lines before it."""

    device: int
    inode: int
    offset: int
    line: int
    fingerprint: str
    in_long_line: bool = False


class TruncatedError(Exception):
    """What was read no longer stands in the file."""


class OpenFile:
    """A file that is being read, and what was consumed of it."""

    def __init__(
        self, path: Path, record: type[FeedRecord], position: FilePosition | None = None
    ) -> None:
        """Open `path`; with a position, only a file whose content is the one meant there.

        Raises:
            TruncatedError: it holds something else.
        """
        self._descriptor = _open(path)
        status = os.fstat(self._descriptor)
        self.device, self.inode = status.st_dev, status.st_ino
        self.offset = position.offset if position else 0
        self._head, self._tail = _edges(self._descriptor, self.offset)
        if position and not (
            status.st_size >= self.offset and self._fingerprint() == position.fingerprint
        ):
            self.close()
            raise TruncatedError
        self.lines = LineParser(
            str(path),
            record,
            position.line if position else 0,
            position.in_long_line if position else False,
        )

    def take(self) -> Taken | None:
        """The next line, or None at the end of what is written so far.

        Raises:
            TruncatedError: the file was truncated, or written anew.
        """
        while (taken := self.lines.take()) is None:
            chunk = os.pread(self._descriptor, CHUNK, self.offset + len(self.lines))
            # After the read: what was read before a truncation is what it seems to be.
            self._check()
            if not chunk:
                return None
            self.lines.push(chunk)
        self._consume(taken.raw)
        return taken

    def take_rest(self) -> Taken | None:
        """The last line, which has no end."""
        taken = self.lines.take_rest()
        if taken:
            self._consume(taken.raw)
        return taken

    def _consume(self, raw: bytes) -> None:
        self.offset += len(raw)
        if len(self._head) < EDGE:
            self._head = (self._head + raw)[:EDGE]
        self._tail = (self._tail + raw)[-EDGE:]

    def _check(self) -> None:
        held = self.offset + len(self.lines)
        if self.size < held or _edges(self._descriptor, self.offset) != (self._head, self._tail):
            raise TruncatedError

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._head + self._tail).hexdigest()

    @property
    def position(self) -> FilePosition:
        """Where to go on from."""
        return FilePosition(
            device=self.device,
            inode=self.inode,
            offset=self.offset,
            line=self.lines.line,
            fingerprint=self._fingerprint(),
            in_long_line=self.lines.discarding,
        )

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._descriptor).st_size

    @property
    def modified(self) -> int:
        """Time of the last write, in nanoseconds."""
        return os.fstat(self._descriptor).st_mtime_ns

    def is_at(self, status: os.stat_result) -> bool:
        """Whether `status` is of this file."""
        return (status.st_dev, status.st_ino) == (self.device, self.inode)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError("not a regular file", where=str(path), hint="Read a pipe from stdin: -")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        raise UserError("may not be read", where=str(path)) from None


def _edges(descriptor: int, offset: int) -> tuple[bytes, bytes]:
    """The first bytes, and the last before `offset`."""
    size = min(EDGE, offset)
    return os.pread(descriptor, size, 0), os.pread(descriptor, size, offset - size)
