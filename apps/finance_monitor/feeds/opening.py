"""Which feed an address names."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from apps.finance_monitor.feeds.feed import Feed, Position
from apps.finance_monitor.feeds.file_feed import FileFeed
from apps.finance_monitor.feeds.kafka.address import is_kafka, read_address
from apps.finance_monitor.feeds.open_file import FilePosition
from apps.finance_monitor.feeds.sources.reading import is_web, read_sources
from apps.finance_monitor.feeds.stdin import StdinFeed
from apps.finance_monitor.feeds.table_feed import TableFeed
from apps.finance_monitor.feeds.together import Together, only_part, parts_of
from apps.finance_monitor.schema import FeedRecord
from common.errors import UserError
from common.records.paths import SUFFIXES

P = TypeVar("P", bound=Position)


# The names of two feeds in a position.
MAIN, BESIDE = "feed", "inbox"
LINES = {".jsonl", ".ndjson", ".json"}


def check_sources(spec: str) -> None:
    """See that what is asked is named as it should be, before anything is loaded.

    Raises:
        UserError: they are not.
    """
    if is_web(spec):
        read_sources(spec)
    elif is_kafka(spec):
        read_address(spec)


def open_feed(
    spec: str,
    once: bool = False,
    position: str | None = None,
    *,
    record: type[FeedRecord] = FeedRecord,
) -> Feed:
    """The feed that `spec` names.

    A path, `-` for stdin, `redis://host[:port]/stream?group=g`,
    `kafka://host[:port]/topic?settings=FILE.toml`, the address of an RSS or Atom feed, or a file
    `….toml` that lists several.

    Args:
        once: read to the end and stop, rather than wait for more.
        position: JSON of the position committed last.
        record: what each line holds; `ScoredRecord` for a feed that was scored elsewhere.

    Raises:
        UserError: the address is wrong, or the position belongs to another kind of feed.
    """
    # What was heard beside it before is left out.
    position = only_part(position, MAIN)
    if spec == "-":
        return StdinFeed(record=record)
    if is_web(spec):
        from apps.finance_monitor.feeds.sources.source_feed import SourceFeed, SourcesPosition

        if record is not FeedRecord:
            raise UserError("a feed of the web holds no scores", where=spec, hint="Drop --scored.")
        read = _read_position(SourcesPosition, position, spec)
        return SourceFeed(read_sources(spec), read, once=once)
    if is_kafka(spec):
        from apps.finance_monitor.feeds.kafka.kafka_feed import KafkaFeed, KafkaPosition

        where = _read_position(KafkaPosition, position, spec)
        return KafkaFeed(spec, where, once=once, record=record)
    if "://" in spec:
        from apps.finance_monitor.feeds.redis_feed import RedisFeed, RedisPosition

        committed = _read_position(RedisPosition, position, spec)
        return RedisFeed(spec, committed, once=once, record=record)
    if _is_table(Path(spec)):
        return TableFeed(Path(spec), record=record)
    return FileFeed(
        Path(spec), _read_position(FilePosition, position, spec), once=once, record=record
    )


def open_beside(spec: str, inbox: Path, position: str | None) -> Feed:
    """The feed that `spec` names, and beside it the lines of a file that grows.

    Raises:
        UserError: as `open_feed`.
    """
    kept = parts_of(position) or ({MAIN: position} if position else {})
    beside = _read_position(FilePosition, kept.get(BESIDE), str(inbox))
    feeds: dict[str, Feed] = {
        BESIDE: FileFeed(inbox, beside),
        MAIN: open_feed(spec, position=kept.get(MAIN)),
    }
    return Together(feeds, kept)


def open_past(path: Path, record: type[FeedRecord] = FeedRecord) -> tuple[Feed, int]:
    """A recorded feed, a table or JSON lines, and its size as its batches count their backlog.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    if _is_table(path):
        table = TableFeed(path, record=record)
        return table, len(table)
    return FileFeed(path, once=True, record=record), path.stat().st_size


def _is_table(path: Path) -> bool:
    """Whether it is read once, from its first row to its last, rather than line by line."""
    suffix = path.suffix.lower()
    if suffix == ".json" and path.is_file():
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    return suffix in SUFFIXES and suffix not in LINES


def _read_position(kind: type[P], position: str | None, spec: str) -> P | None:
    if position is None:
        return None
    try:
        return kind.model_validate_json(position)
    except ValidationError:
        raise UserError(
            "the saved position belongs to another kind of feed",
            where=spec,
            hint="Use the same feed as before, or another --store.",
        ) from None
