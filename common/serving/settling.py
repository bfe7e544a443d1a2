"""Files that are read once they have stayed as they are, so that no half-written one is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Stamp = tuple[int, int]


def stamp(path: Path) -> Stamp:
    """Time of change, in nanoseconds, and size in bytes.

    Raises:
        OSError: the file is gone.
    """
    found = path.stat()
    return found.st_mtime_ns, found.st_size


class Settling:
    """What the looks at some files saw."""

    def __init__(self) -> None:
        self._seen: tuple[tuple[str, Stamp], ...] | None = None
        self._is_done = False

    def are_to_read(self, paths: Sequence[Path]) -> bool:
        """Whether they are as at the look before, and were not read since.

        Raises:
            OSError: one is gone; whatever comes in its place is to be read.
        """
        try:
            seen = tuple((str(path), stamp(path)) for path in paths)
        except OSError:
            self.forget()
            raise
        if seen != self._seen:
            self._seen, self._is_done = seen, False
            return False
        return not self._is_done

    def done(self) -> None:
        """They were read, or cannot be, as they are."""
        self._is_done = True

    def again(self) -> None:
        """They are to be read once more, as they are."""
        self._is_done = False

    def forget(self) -> None:
        """Whatever comes is to be read, even if it looks the same."""
        self._seen = None
