"""Several partitions read as one feed, in the order of the news and not of the network.

A broker hands out a partition by the megabyte. After an outage, hours of one would be read before
the first minute of the next, whose stories were then too late for their windows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.schema import FeedRecord

# Messages held of a partition while others are waited for; from there on it is read no further.
MOST_HELD = 2000
# Of all partitions together, bytes; above it one is read only where others wait for it.
MOST_BYTES = 64 << 20
# A partition that gives nothing for so long is not waited for: its broker may be away. Only time
# in which it was asked counts: it cannot speak while a batch is being scored.
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Message:
    """A message that was fetched.

    Attributes:
        time: of its news, seconds since 1970, but no later than when it was written.
        item: None where the message holds nothing.
        size: of its value, bytes.
    """

    partition: int
    offset: int
    time: float
    item: FeedRecord | Rejected | None
    size: int = 0


@dataclass
class _Lane:
    """A partition.

    Attributes:
        fetched: the offset behind the last message that was fetched.
        taken: that behind the last which was handed out.
        silent_since: seconds, by a steady clock.
        end: offset at which the partition ended when that was last told.
        ended_at: what was fetched when the broker said that there is no more.
    """

    fetched: int
    taken: int
    silent_since: float
    end: int | None = None
    ended_at: int | None = None
    waiting: deque[Message] = field(default_factory=deque)

    @property
    def is_at_end(self) -> bool:
        """Whether all that was there is fetched."""
        if self.ended_at == self.fetched:
            return True
        return self.end is not None and self.fetched >= self.end

    @property
    def backlog(self) -> int:
        """Messages that are not handed out yet, as far as that is known."""
        end = self.fetched if self.is_at_end else max(self.end or 0, self.fetched)
        return end - self.taken


class Partitions:
    """What was fetched of each partition and is not handed out yet; times by a steady clock."""

    def __init__(self) -> None:
        self._lanes: dict[int, _Lane] = {}
        self._bytes = 0

    @property
    def next_offsets(self) -> dict[int, int]:
        """Where each goes on behind what was handed out."""
        return {number: lane.taken for number, lane in self._lanes.items()}

    @property
    def crowded(self) -> set[int]:
        """Those of which enough is held; never one that others may have to wait for."""
        most = 1 if self._bytes >= MOST_BYTES else MOST_HELD
        return {n for n, lane in self._lanes.items() if len(lane.waiting) >= most}

    @property
    def backlog(self) -> int:
        """Messages that are not handed out yet, as far as that is known."""
        return sum(lane.backlog for lane in self._lanes.values())

    @property
    def is_over(self) -> bool:
        """Whether all that was there is handed out."""
        return all(lane.is_at_end and not lane.waiting for lane in self._lanes.values())

    def fetched(self, number: int) -> int | None:
        """The offset behind what was fetched of it; None of one that is new."""
        return self._lanes[number].fetched if number in self._lanes else None

    def begin(self, number: int, offset: int, end: int, now: float) -> None:
        """Fetch a partition from there on; what is held of it comes before."""
        lane = self._lanes.setdefault(number, _Lane(offset, offset, now))
        lane.fetched, lane.silent_since, lane.end, lane.ended_at = offset, now, end, None
        if not lane.waiting:
            lane.taken = offset

    def push(self, message: Message, now: float) -> None:
        """Hold what was fetched."""
        lane = self._lanes[message.partition]
        lane.fetched, lane.silent_since = message.offset + 1, now
        lane.waiting.append(message)
        self._bytes += message.size

    def tell_end(self, number: int, offset: int) -> None:
        """The partition goes up to there at least."""
        lane = self._lanes[number]
        if offset > (lane.end or 0):
            lane.end, lane.ended_at = offset, None

    def tell_no_more(self, number: int, offset: int) -> None:
        """All up to there is fetched; the marks of transactions are no messages."""
        lane = self._lanes[number]
        lane.ended_at = lane.fetched = max(lane.fetched, offset)
        if not lane.waiting:
            lane.taken = lane.fetched

    def doubt(self, number: int, end: int, now: float) -> None:
        """It was out of sight for a while, and goes up to there now."""
        lane = self._lanes[number]
        lane.ended_at, lane.silent_since = None, now
        self.tell_end(number, end)

    def excuse(self, seconds: float, now: float) -> None:
        """None was asked for so long, and none was silent."""
        for lane in self._lanes.values():
            lane.silent_since = min(now, lane.silent_since + seconds)

    def take(self, most: int, now: float) -> list[Message]:
        """The earliest, once nothing earlier can come from another partition; in its own order."""
        found: list[Message] = []
        while len(found) < most and not any(self._may_be_earlier(n, now) for n in self._lanes):
            lanes = [lane for lane in self._lanes.values() if lane.waiting]
            if not lanes:
                break
            first = min(lanes, key=lambda lane: lane.waiting[0].time)
            found.append(first.waiting.popleft())
            self._bytes -= found[-1].size
            first.taken, first.silent_since = found[-1].offset + 1, now
            if first.is_at_end and not first.waiting:
                first.taken = first.fetched
        return found

    def _may_be_earlier(self, number: int, now: float) -> bool:
        lane = self._lanes[number]
        is_silent = now - lane.silent_since >= PATIENCE_SECONDS
        return not (lane.waiting or lane.is_at_end or is_silent)
