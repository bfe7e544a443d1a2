"""A clock that jumps, of one process alone: libfaketime, which is preloaded."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chaos.rounds import LeftOutError

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


class Clock:
    """The wall clock of a process; what only measures time goes on as ever.

    Raises:
        LeftOutError: libfaketime is not installed.
    """

    def __init__(self, file: Path) -> None:
        found = [path for one in LIBRARIES for path in Path("/").glob(one.lstrip("/"))]
        if not found:
            raise LeftOutError("needs libfaketime (Debian: faketime)")
        self._file = file
        self.jump(0)
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """Let it go so many seconds ahead of the true time, or behind it."""
        # Renamed into place: half a number would be another time.
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="utf-8")
        new.replace(self._file)
