"""Rows that wait in a file until the database takes them."""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from common.files import append_whole, write_atomically

logger = logging.getLogger(__name__)

BOUND = 64 * 2**20
# What the file of feedback is called, below the directory of an application.
SPOOL = "feedback.spool"

Kinds = Mapping[str, type[BaseModel]]


class Spool:
    """A bounded file of rows, safe to use from several processes.

    Args:
        kinds: the rows that it takes, by the names that they have in the file.
        bound: the most bytes it may have.
    """

    def __init__(self, path: Path, kinds: Kinds, *, bound: int = BOUND) -> None:
        self._path = path
        self._kinds = kinds
        self._bound = bound

    def append(self, rows: Sequence[BaseModel]) -> None:
        """Add rows; they are on disk when it returns.

        Raises:
            OSError: the file is full, or the disk is; none of them is in it.
        """
        names = {kind: name for name, kind in self._kinds.items()}
        lines = "".join(_line(names[type(row)], row) for row in rows).encode()
        with self._alone():
            size = self._path.stat().st_size if self._path.exists() else 0
            if size + len(lines) > self._bound:
                raise OSError(f"{self._path} is full")
            append_whole(self._path, lines)

    def hand_over(self, take: Callable[[Sequence[BaseModel]], None]) -> None:
        """Give all rows to `take`; if it does not fail, the file is gone."""
        if not self._path.exists():
            return
        with self._alone():
            if self._path.exists():
                rows, broken = self._read()
                take(rows)
                if broken:
                    self._set_aside(broken)
                self._path.unlink()

    def drop(self, is_gone: Callable[[BaseModel], bool]) -> int:
        """Take rows out; how many they were."""
        if not self._path.exists():
            return 0
        names = {kind: name for name, kind in self._kinds.items()}
        with self._alone():
            rows, broken = self._read()
            if broken:
                self._set_aside(broken)
            kept = [row for row in rows if not is_gone(row)]
            write_atomically(self._path, "".join(_line(names[type(row)], row) for row in kept))
        return len(rows) - len(kept)

    def _read(self) -> tuple[list[BaseModel], list[bytes]]:
        """All rows, and the lines that are none: cut short, or damaged."""
        rows: list[BaseModel] = []
        broken: list[bytes] = []
        for line in self._path.read_bytes().split(b"\n"):
            try:
                kind, values = json.loads(line)
                rows.append(self._kinds[kind].model_validate(values))
            except (ValueError, KeyError, TypeError):
                if line.strip():
                    broken.append(line)
        return rows, broken

    def _set_aside(self, broken: Sequence[bytes]) -> None:
        """Keep what cannot be read, and say so: somebody may still make sense of it."""
        aside = self._path.with_name(f"{self._path.name}.unreadable")
        append_whole(aside, b"".join(line + b"\n" for line in broken))
        logger.error("%d lines of %s cannot be read; kept in %s", len(broken), self._path, aside)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _line(kind: str, row: BaseModel) -> str:
    return json.dumps([kind, row.model_dump()], ensure_ascii=False) + "\n"
