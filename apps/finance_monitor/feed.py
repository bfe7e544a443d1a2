"""What a feed is: batches of records, each with the position to go on from.

The position is committed by the caller in the same transaction as all that it derived from the
batch: then nothing is read twice and nothing is skipped, wherever the process dies.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from apps.finance_monitor.schema import FeedRecord
from common.errors import UserError

LONGEST_LINE = 1 << 20
CHUNK = 1 << 18
CONTENT_SHOWN = 200


class Position(BaseModel):
    """Where a feed goes on; kept by the caller as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Position)


@dataclass(frozen=True)
class Rejected:
    """A line that is no record: where it stands, what is wrong, and how it begins."""

    place: str
    reason: str
    content: str


@dataclass(frozen=True)
class Batch:
    """Records in the order of the feed.

    Attributes:
        position: what to commit along with the batch; None before anything was there to read.
        backlog: what was not read yet: bytes of a file, messages of a stream, 0 for stdin.
        ended: nothing will follow.
    """

    records: list[FeedRecord]
    rejected: list[Rejected]
    position: Position | None
    backlog: int = 0
    ended: bool = False


class Feed(Protocol):
    """Where records come from."""

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`, rejected ones included; waits `timeout` seconds for the first."""

    def acknowledge(self, position: Position) -> None:
        """Tell the feed that everything up to `position` is committed."""

    def close(self) -> None:
        """Let go of files and connections."""


def open_feed(
    spec: str,
    once: bool = False,
    position: str | None = None,
    *,
    record: type[FeedRecord] = FeedRecord,
) -> Feed:
    """The feed that `spec` names: a path, `-` for stdin, or `redis://host[:port]/stream?group=g`.

    Args:
        once: read to the end and stop, rather than wait for more.
        position: JSON of the position committed last.
        record: what each line holds; `ScoredRecord` for a feed that was scored elsewhere.

    Raises:
        UserError: the address is wrong, or the position belongs to another kind of feed.
    """
    if spec == "-":
        return StdinFeed(record=record)
    if "://" in spec:
        from apps.finance_monitor.redis_feed import RedisFeed, RedisPosition

        committed = _read_position(RedisPosition, position, spec)
        return RedisFeed(spec, committed, once=once, record=record)
    from apps.finance_monitor.file_feed import FileFeed
    from apps.finance_monitor.open_file import FilePosition

    return FileFeed(
        Path(spec), _read_position(FilePosition, position, spec), once=once, record=record
    )


def _read_position(kind: type[P], position: str | None, spec: str) -> P | None:
    if position is None:
        return None
    try:
        return kind.model_validate_json(position)
    except ValidationError:
        raise UserError(
            "what is kept of the last run belongs to another kind of feed",
            where=spec,
            mend="Go on with the same feed as before, or name another --store.",
        ) from None


def append_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    """Append `rejected` as JSON lines.

    To be called before the position is committed: a line may then stand there twice after a
    crash, but is never missing.
    """
    if rejected:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(b"".join(to_json(asdict(row)) + b"\n" for row in rejected))


def parse(place: str, raw: bytes, record: type[FeedRecord] = FeedRecord) -> FeedRecord | Rejected:
    """One JSON object as a record, or what is wrong with it."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        return reject(place, f"not UTF-8: byte {error.start + 1}", raw)
    try:
        return record.model_validate_json(text)
    except ValidationError as error:
        return reject(place, explain(error), raw)


def explain(error: ValidationError) -> str:
    """The first thing that is wrong, with the field's name."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def reject(place: str, reason: str, raw: bytes) -> Rejected:
    """A rejected row with the beginning of its content."""
    # A character is at most four bytes long.
    shown = raw[: 4 * CONTENT_SHOWN].decode("utf-8", "replace")[:CONTENT_SHOWN]
    return Rejected(place, reason, shown.strip())


@dataclass(frozen=True)
class Taken:
    """What was consumed, and what it was: None for a blank line or the rest of a long one."""

    raw: bytes
    item: FeedRecord | Rejected | None


class LineParser:
    """Records out of chunks of bytes, cut anywhere; holds one line of `LONGEST_LINE` at most.

    Attributes:
        line: the number of lines that are over.
        discarding: within a line that is rejected already, for it is too long.
    """

    def __init__(
        self, name: str, record: type[FeedRecord], line: int = 0, discarding: bool = False
    ) -> None:
        self._name = name
        self._record = record
        self._held = bytearray()
        self.line = line
        self.discarding = discarding

    def __len__(self) -> int:
        return len(self._held)

    def push(self, chunk: bytes) -> None:
        """Add what was read."""
        self._held += chunk

    def take(self) -> Taken | None:
        """The next line, or part of one that is too long; None: more bytes are wanted."""
        end = self._held.find(b"\n") + 1
        if end:
            return self._cut(end)
        held = len(self._held)
        wants_more = not held if self.discarding else held <= LONGEST_LINE
        return None if wants_more else self._cut(held)

    def take_rest(self) -> Taken | None:
        """The last line, which has no end."""
        return self._cut(len(self._held)) if self._held else None

    def rest_is_record(self) -> bool:
        """Whether the last line, which has no end, can be read all the same."""
        return isinstance(parse("", bytes(self._held), self._record), FeedRecord)

    def _cut(self, end: int) -> Taken:
        raw = bytes(self._held[:end])
        del self._held[:end]
        item = None if self.discarding else self._read(raw)
        ends = raw.endswith(b"\n")
        self.line += ends
        self.discarding = not ends
        return Taken(raw, item)

    def _read(self, raw: bytes) -> FeedRecord | Rejected | None:
        place = f"{self._name}:{self.line + 1}"
        if len(raw) > LONGEST_LINE:
            return reject(place, f"longer than {LONGEST_LINE >> 20} MiB", raw)
        return parse(place, raw, self._record) if raw.strip() else None


class StreamPosition(Position):
    """How many lines came; a stream cannot be read again."""

    line: int


class StdinFeed:
    """Lines of a stream, by default stdin, until its end."""

    def __init__(
        self,
        stream: BinaryIO | None = None,
        *,
        name: str = "stdin",
        record: type[FeedRecord] = FeedRecord,
    ) -> None:
        self._descriptor = (stream or sys.stdin.buffer).fileno()
        self._lines = LineParser(name, record)
        self._ended = False

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        records: list[FeedRecord] = []
        rejected: list[Rejected] = []
        deadline = monotonic() + timeout
        while len(records) + len(rejected) < max_records:
            taken = self._lines.take_rest() if self._ended else self._lines.take()
            if taken is not None:
                sort(taken.item, records, rejected)
                continue
            wait = 0.0 if records or rejected else max(0.0, deadline - monotonic())
            if self._ended or not self._fill(wait):
                break
        ended = self._ended and not len(self._lines)
        position = StreamPosition(line=self._lines.line)
        return Batch(records, rejected, position, ended=ended)

    def _fill(self, wait: float) -> bool:
        if not select.select([self._descriptor], [], [], wait)[0]:
            return False
        chunk = os.read(self._descriptor, CHUNK)
        self._lines.push(chunk)
        self._ended = not chunk
        return True

    def acknowledge(self, position: Position) -> None:
        """Nothing: a stream keeps nothing."""

    def close(self) -> None:
        """Nothing: the stream is not ours."""


def sort(
    item: FeedRecord | Rejected | None, records: list[FeedRecord], rejected: list[Rejected]
) -> None:
    """Put an item where it belongs."""
    if isinstance(item, Rejected):
        rejected.append(item)
    elif item is not None:
        records.append(item)
