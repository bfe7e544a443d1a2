"""Lines of JSON → records, or what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.schema import FeedRecord
from common.errors import reason_of

LONGEST_LINE = 1 << 20


CHUNK = 1 << 18


CONTENT_SHOWN = 200


def parse(place: str, raw: bytes, record: type[FeedRecord] = FeedRecord) -> FeedRecord | Rejected:
    """One JSON object as a record, or what is wrong with it."""
    if len(raw) > LONGEST_LINE:
        return reject(place, f"longer than {LONGEST_LINE >> 20} MiB", raw)
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
    return f"{where}: {reason_of(first)}" if where else reason_of(first)


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
        return parse(place, raw, self._record) if raw.strip() else None


def sort(
    item: FeedRecord | Rejected | None, records: list[FeedRecord], rejected: list[Rejected]
) -> None:
    """Put an item where it belongs."""
    if isinstance(item, Rejected):
        rejected.append(item)
    elif item is not None:
        records.append(item)
