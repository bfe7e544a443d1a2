"""A disk of one's own that is full, or slow."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.rounds import LeftOutError

MEGABYTES = 48
# What each wait for the disk takes longer.
DELAY_SECONDS = 0.25


class SmallDisk:
    """A file system in memory, for its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @contextmanager
    def full(self) -> Iterator[None]:
        """No byte is free for the length of a `with` block."""
        try:
            with self._filler.open("wb", buffering=0) as file:
                for size in (1 << 20, 1 << 12, 1):
                    self._fill(file.write, bytes(size))
            yield
        finally:
            self._filler.unlink(missing_ok=True)

    @staticmethod
    def _fill(write: object, chunk: bytes) -> None:
        assert callable(write)
        try:
            while write(chunk) == len(chunk):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount one on `folder`.

    Raises:
        LeftOutError: it may not be mounted here.
    """
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeftOutError(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def slow(pid: int) -> Iterator[None]:
    """Each wait of a process for the disk takes `DELAY_SECONDS` longer.

    Raises:
        LeftOutError: there is no strace, or it may not attach.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise LeftOutError("needs strace, which slows down single calls of a process")
    calls = "fsync,fdatasync"
    delay = f"inject={calls}:delay_enter={round(DELAY_SECONDS * 1e6)}"
    command = [strace, "-f", "-p", str(pid), "-e", f"trace={calls}", "-e", delay]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr
        first = tracer.stderr.readline()
        if "attached" not in first:
            raise LeftOutError(f"strace may not attach: {first.strip()}")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()
