"""A clock that jumps, of one process alone: `clock.c`, preloaded.

libfaketime would do, but breaks Python's `time.sleep` (clock_nanosleep fails with EINVAL).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.chaos.rounds import LeftOutError

SOURCE = Path(__file__).with_name("clock.c")
BYTES = 8


class Clock:
    """The wall clock of a process that is started with `environment`.

    Args:
        folder: for the library and the file that says how late it is.

    Raises:
        LeftOutError: there is no C compiler.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise LeftOutError("needs a C compiler: cc")
        library, self._offset = folder / "clock.so", folder / "clock.offset"
        self._offset.write_bytes(bytes(BYTES))
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._offset)}

    def jump(self, seconds: int) -> None:
        """Let it go so many seconds ahead of the true time, or behind it."""
        with self._offset.open("rb+", buffering=0) as file:
            file.write(seconds.to_bytes(BYTES, "little", signed=True))
