"""Windows of event time that close when the watermark has passed their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from apps.finance_monitor.schema import Sentiment

# A record this far ahead of all others is not believed before as many agree with it.
LEAP = 24 * 3600.0
AGREEING = 3
NEGATIVE, POSITIVE, ALL = range(3)


@dataclass
class Clock:
    """Event time as the feed has it, seconds since 1970; kept from leaping by one bad record.

    Attributes:
        now: the latest time that is believed.
        doubted: times of the records that are ahead by more than a day.
        is_alone: only the first record says so; its date may be the bad one.
        in_a_row: how many records were doubted since one was believed.
    """

    now: float | None = None
    doubted: list[float] = field(default_factory=list)
    is_alone: bool = False
    in_a_row: int = 0

    def advance(self, time: float) -> bool:
        """Take in a record's time; False: it is not believed for now.

        Three records ahead that lie within a day of each other are believed; so are three behind
        the first one, if none came near that: then the time goes back. Where none of three in a row
        is believed, for there are days between any two, the earliest of them is.
        """
        if self.now is None:
            self.now, self.is_alone = time, True
            return True
        if time - self.now <= LEAP and not (self.is_alone and self.now - time > LEAP):
            self.now, self.is_alone, self.in_a_row = max(time, self.now), False, 0
            return True
        self.doubted = [*self.doubted[1 - AGREEING :], time]
        self.in_a_row += 1
        if len(self.doubted) == AGREEING and max(self.doubted) - min(self.doubted) <= LEAP:
            self.now, self.doubted, self.in_a_row = max(self.doubted), [], 0
        elif self.in_a_row >= AGREEING:
            self.now, *self.doubted = sorted(self.doubted)
        else:
            return False
        self.is_alone = False
        return True


@dataclass
class Windows:
    """Counts per window and key, of windows that are still open.

    Args:
        width: of a window, seconds; windows start at its multiples.
        lateness: how long after its end a window waits for records, seconds of event time.

    Attributes:
        next_start: of the first window that is not closed yet.
    """

    width: float
    lateness: float
    next_start: float | None = None
    open: dict[float, dict[str, list[int]]] = field(default_factory=dict)

    def start_of(self, time: float) -> float:
        """Start of the window that holds `time`."""
        return time // self.width * self.width

    def go_back(self, time: float) -> None:
        """Begin anew at an earlier time; what is open waits for its own."""
        self.next_start = self.start_of(time)

    def is_late(self, time: float) -> bool:
        """Whether its window is closed already."""
        return self.next_start is not None and time < self.next_start

    def add(self, time: float, keys: Mapping[str, Sentiment | None]) -> None:
        """Count a story, by its sentiment on each key, in its window, which must not be closed."""
        start = self.start_of(time)
        if self.next_start is None:
            self.next_start = start
        window = self.open.setdefault(start, {})
        for key, sentiment in keys.items():
            counts = window.setdefault(key, [0, 0, 0])
            counts[NEGATIVE] += sentiment == "negative"
            counts[POSITIVE] += sentiment == "positive"
            counts[ALL] += 1

    def close_until(self, now: float) -> Iterator[tuple[float, dict[str, list[int]]]]:
        """Close every window whose end the watermark has passed, empty ones among them."""
        while self.next_start is not None and self.next_start + self.width <= now - self.lateness:
            start = self.next_start
            self.next_start = start + self.width
            yield start, self.open.pop(start, {})

    def close_rest(self, before: float = inf) -> Iterator[tuple[float, dict[str, list[int]]]]:
        """Close all that holds something and begins before a time: nothing more will come."""
        if held := [start for start in self.open if start < before]:
            yield from self.close_until(max(held) + self.width + self.lateness)

    def to_json(self) -> dict[str, Any]:
        """What is open, for `restore`."""
        return {"next_start": self.next_start, "open": [[k, v] for k, v in self.open.items()]}

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on where `to_json` was called."""
        self.next_start = kept["next_start"]
        self.open = {float(start): counts for start, counts in kept["open"]}
