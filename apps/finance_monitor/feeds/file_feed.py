"""Follow a file that grows, as `tail -F` does, but by what it is rather than by its name.

A file is known by its device, its inode, and its content: the first bytes and those before the
place where reading stopped, because inodes are used again. It has one writer, which appends; when
a rotated file's successor holds something, nothing more comes to the old one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.lines import Taken, sort
from apps.finance_monitor.feeds.open_file import FilePosition, OpenFile, TruncatedError
from apps.finance_monitor.schema import FeedRecord
from common.console import say
from common.errors import UserError

POLL_SECONDS = 0.1


class FileFeed:
    """JSON lines of a file that grows, is rotated (also while nobody reads) or truncated.

    Raises:
        UserError: `path` is a directory or may not be read; or, with `once`, it is not there.
    """

    def __init__(
        self,
        path: Path,
        position: FilePosition | None = None,
        *,
        once: bool = False,
        record: type[FeedRecord] = FeedRecord,
    ) -> None:
        self._path = path
        self._position = position
        self._once = once
        self._record = record
        self._file: OpenFile | None = None
        self._begin()

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        records: list[FeedRecord] = []
        rejected: list[Rejected] = []
        deadline = monotonic() + timeout
        ended = False
        while len(records) + len(rejected) < max_records:
            taken = self._take()
            if taken is None and self._once:
                taken = self._take_unfinished()
                ended = taken is None
            if taken is not None:
                sort(taken.item, records, rejected)
                continue
            if records or rejected or ended or monotonic() >= deadline:
                break
            sleep(POLL_SECONDS)
        backlog = 0
        if self._file:
            self._position = self._file.position
            backlog = max(0, self._file.size - self._file.offset)
        return Batch(records, rejected, self._position, backlog, ended)

    def acknowledge(self, position: Position) -> None:
        """Nothing: a file keeps its lines."""

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _take(self) -> Taken | None:
        """The next line of this file or its successors; None: nothing more for now."""
        while True:
            try:
                if not (self._file or self._begin()):
                    return None
                assert self._file
                if taken := self._file.take():
                    return taken
                successor = self._successor()
                if successor is None:
                    return None
                # Once more, for what was written before the writer moved on.
                if taken := self._file.take() or self._file.take_rest():
                    return taken
                self._switch(successor)
            except TruncatedError:
                self._position = self._file.position if self._file else None
                self.close()

    def _take_unfinished(self) -> Taken | None:
        """With `once`, the last line, if it lacks nothing but its end."""
        if not self._file or not len(self._file.lines):
            return None
        if self._file.lines.rest_is_record():
            return self._file.take_rest()
        say(f"{self._path}:{self._file.lines.line + 1}: unfinished line, left for the next run")
        return None

    def _begin(self) -> bool:
        """Open the file that was read last, or else the one at the path, if it is there yet."""
        if self._position:
            for path in self._places(self._position):
                try:
                    self._file = OpenFile(path, self._record, self._position)
                    return True
                except (TruncatedError, OSError, UserError):
                    continue
        try:
            opened = OpenFile(self._path, self._record)
        except FileNotFoundError:
            if self._once:
                raise UserError("no such file", where=str(self._path)) from None
            return False
        if self._position and self._position.offset:
            say(f"{self._path}: the file was truncated or replaced; reading it from the start")
        self._file = opened
        return True

    def _places(self, position: FilePosition) -> Iterator[Path]:
        """Files that may be the one meant, the likeliest first."""
        found = []
        for path, status in _files_in(self._path.parent):
            same = (status.st_dev, status.st_ino) == (position.device, position.inode)
            # Nothing was read of it, so that nothing but inode and name identifies it.
            if not position.offset and not (same and self._is_ours(path)):
                continue
            found.append((not same, path != self._path, path.name, path))
        return (path for *_, path in sorted(found))

    def _successor(self) -> Path | None:
        """The file to go on with, once the writer has moved on to another."""
        assert self._file
        try:
            live = self._path.stat()
        except FileNotFoundError:
            return None
        if self._file.is_at(live) or not live.st_size:
            return None
        # Rotated more than once since: those between are read in the order they were written.
        between = [
            (status.st_mtime_ns, path)
            for path, status in _files_in(self._path.parent)
            if path != self._path
            and self._is_ours(path)
            and not self._file.is_at(status)
            and status.st_mtime_ns > self._file.modified
        ]
        return min(between)[1] if between else self._path

    def _is_ours(self, path: Path) -> bool:
        """Whether a name is the path, or it with a number or a date: `feed.jsonl.1`."""
        stem, suffix = re.escape(self._path.stem), re.escape(self._path.suffix)
        mark = r"[-._]\d[-._:\dTZ]*"
        return path.name == self._path.name or bool(
            re.fullmatch(f"{stem}({suffix}{mark}|{mark}{suffix})", path.name)
        )

    def _switch(self, successor: Path) -> None:
        try:
            opened = OpenFile(successor, self._record)
        except FileNotFoundError:
            return
        self.close()
        self._file = opened


def _files_in(directory: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in directory.iterdir() if directory.is_dir() else ():
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((path, status))
    return found
