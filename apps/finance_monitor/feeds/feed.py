"""What a feed is: batches of records, each with the position to go on from.

The position is committed by the caller in the same transaction as all that it derived from the
batch: then nothing is read twice and nothing is skipped, wherever the process dies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from apps.finance_monitor.feeds.health import SourceHealth
from apps.finance_monitor.schema import FeedRecord
from common.files import append_whole


class Position(BaseModel):
    """Where a feed goes on; kept by the caller as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
        outages: by the name of each source that does not answer now, why.
        sources: how each of several sources stands.
    """

    records: list[FeedRecord]
    rejected: list[Rejected]
    position: Position | None
    backlog: int = 0
    ended: bool = False
    outages: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[SourceHealth] = ()


class Feed(Protocol):
    """Where records come from."""

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`, rejected ones included; waits `timeout` seconds for the first."""

    def acknowledge(self, position: Position) -> None:
        """Acknowledge everything up to `position` as committed."""

    def close(self) -> None:
        """Let go of files and connections."""


def append_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    """Append `rejected` as JSON lines.

    To be called before the position is committed: a line may then stand there twice after a
    crash, but is never missing.
    """
    if rejected:
        path.parent.mkdir(parents=True, exist_ok=True)
        append_whole(path, b"".join(to_json(asdict(row)) + b"\n" for row in rejected))
