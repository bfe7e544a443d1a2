"""What a server takes, looked at from outside every few seconds."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from benchmarks.chaos.running import Running

MEGABYTE = 1e6
# Of each series, its unit.
SERIES = {
    "memory": "MB",
    "handles": "open files",
    "threads": "threads",
    "p50": "ms",
    "p95": "ms",
    "log": "MB",
    "database": "MB",
    "requests": "a second",
}


@dataclass
class Asked:
    """What requests took since the last look, and how all of them ended; threads share it."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, status: str, failed: str | None) -> None:
        """Count one request."""
        with self._lock:
            self.seconds.append(seconds)
            self.statuses[status] += 1
            if failed and len(self.failed) < 20:
                self.failed.append(failed)

    def take(self) -> list[float]:
        """What they took since the last call."""
        with self._lock:
            found, self.seconds = self.seconds, []
        return found


class Sampler:
    """The series of one server.

    Args:
        store: with its database.
    """

    def __init__(self, running: Running, store: Path, asked: Asked) -> None:
        self.hours: list[float] = []
        self.series: dict[str, list[float]] = {name: [] for name in SERIES}
        self._running = running
        self._store = store
        self._asked = asked
        self._began = self._before = monotonic()
        self._log = (0, 0)

    def sample(self) -> bool:
        """Look once; False: the server has ended."""
        import psutil

        now = monotonic()
        try:
            taken = self._taken()
        except psutil.Error as error:
            # A child may end while it is looked at: the next look is as good.
            return getattr(error, "pid", None) != self._running.pid and not self._running.is_over
        took = sorted(self._asked.take())
        found = {
            **taken,
            "p50": _quantile(took, 0.5),
            "p95": _quantile(took, 0.95),
            "log": self._log_bytes() / MEGABYTE,
            "database": _size(self._store) / MEGABYTE,
            "requests": len(took) / max(now - self._before, 1e-9),
        }
        self._before = now
        self.hours.append((now - self._began) / 3600)
        for name, value in found.items():
            self.series[name].append(value)
        return True

    def _taken(self) -> dict[str, float]:
        """By the server and its children, now."""
        import psutil

        process = psutil.Process(self._running.pid)
        every = [process, *process.children(recursive=True)]
        return {
            "memory": sum(one.memory_info().rss for one in every) / MEGABYTE,
            "handles": float(sum(one.num_fds() for one in every)),
            "threads": float(sum(one.num_threads() for one in every)),
        }

    def _log_bytes(self) -> int:
        """How much it has logged by now; what was counted is not counted again."""
        lines, size = self._log
        log = self._running.log
        size += sum(len(line) for line in log[lines:])
        self._log = (len(log), size)
        return size


def _quantile(ascending: list[float], share: float) -> float:
    """In milliseconds; NaN of nothing."""
    if not ascending:
        return float("nan")
    return 1000 * ascending[min(int(share * len(ascending)), len(ascending) - 1)]


def _size(store: Path) -> int:
    """Bytes of what is below it, but for releases, which are linked."""
    found = (path for path in store.rglob("*") if "releases" not in path.parts)
    total = 0
    for path in found:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
