"""What a candidate costs beside the release that serves: room, and time for the same records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

from safetensors import safe_open

from common.releases.release import MANIFEST, REPORT

# New knowledge takes room, and rankings of more items take time; twice the work is another model.
MOST_LARGER = 1.5
MOST_SLOWER = 2.0
# Below these differences a ratio says nothing: of a small release, or of what takes no time.
LEAST_BYTES = 10_000_000
LEAST_SECONDS = 0.005

# Odd, so that the median is one of them.
PASSES = 5
MOST_TIMED = 30
FULL_PRECISION = 4

Record = TypeVar("Record")


@dataclass(frozen=True)
class Timing:
    """Seconds that each release takes for the same records, the median over several passes."""

    records: int
    before: float
    after: float


@dataclass(frozen=True)
class Cost:
    """Bytes of each release, see `size_of`, and their time, if it was measured."""

    bytes_before: int
    bytes_after: int
    timing: Timing | None = None

    @property
    def excess(self) -> str | None:
        """Why the candidate costs too much; None: it does not."""
        more = self.bytes_after - self.bytes_before
        if more > LEAST_BYTES and self.bytes_after > MOST_LARGER * self.bytes_before:
            return (
                f"the candidate takes {_times(self.bytes_before, self.bytes_after)} the room: "
                f"{_megabytes(self.bytes_before)} → {_megabytes(self.bytes_after)}, "
                f"where {MOST_LARGER:g} times is the most"
            )
        time = self.timing
        if time is None or time.after <= MOST_SLOWER * time.before:
            return None
        if (time.after - time.before) / time.records <= LEAST_SECONDS:
            return None
        return (
            f"the candidate takes {_times(time.before, time.after)} the time: "
            f"{_each(time.before, time)} → {_each(time.after, time)} a record, "
            f"where {MOST_SLOWER:g} times is the most"
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Name, records, serving, candidate and how many times as much, for people to read."""
        before, after = self.bytes_before, self.bytes_after
        found: list[tuple[str, ...]] = [
            ("size", "", _megabytes(before), _megabytes(after), _times(before, after))
        ]
        if (time := self.timing) is not None:
            each = (_each(time.before, time), _each(time.after, time))
            found.append(
                ("time a record", str(time.records), *each, _times(time.before, time.after))
            )
        return found


def time_both(
    serving: Callable[[Sequence[Record]], object],
    candidate: Callable[[Sequence[Record]], object],
    records: Sequence[Record],
) -> Timing | None:
    """Put some of the records to both, in turns, so that what else the machine does hits both.

    Returns:
        None where there are no records.
    """
    some = records[:: -(-len(records) // MOST_TIMED) or 1]
    if not some:
        return None
    serving(some), candidate(some)  # Whoever comes first would pay for what is loaded late.
    pairs = [(_seconds(serving, some), _seconds(candidate, some)) for _ in range(PASSES)]
    before, after = zip(*pairs, strict=True)
    return Timing(len(some), median(before), median(after))


def size_of(directory: Path) -> int:
    """Bytes of a release but for its report and manifest, its weights as they are computed with.

    Frozen weights are written in half precision where that loses nothing; once they learn, they
    take twice the room on disk, and in memory what they took before.
    """
    return sum(
        _size(path)
        for path in directory.rglob("*")
        if path.is_file() and path.name not in {MANIFEST, REPORT}
    )


def _size(path: Path) -> int:
    if path.suffix != ".safetensors":
        return path.stat().st_size
    with safe_open(path, framework="numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return FULL_PRECISION * sum(map(prod, shapes))


def _seconds(run: Callable[[Sequence[Record]], object], records: Sequence[Record]) -> float:
    begun = perf_counter()
    run(records)
    return perf_counter() - begun


def _times(before: float, after: float) -> str:
    return f"{after / before:.2f} times" if before else "–"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _each(seconds: float, timing: Timing) -> str:
    return f"{1000 * seconds / timing.records:.2f} ms"
