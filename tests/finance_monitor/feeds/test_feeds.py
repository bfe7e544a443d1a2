"""Following a file that grows: nothing read twice, nothing skipped, whatever happens to it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from news import record

from apps.finance_monitor.feeds.feed import Rejected, append_rejected
from apps.finance_monitor.feeds.file_feed import FileFeed
from apps.finance_monitor.feeds.lines import LONGEST_LINE, parse
from apps.finance_monitor.feeds.open_file import FilePosition
from apps.finance_monitor.feeds.opening import open_feed, open_past
from apps.finance_monitor.feeds.stdin import StdinFeed
from common.errors import UserError


def _line(identity: str, text: str = "Alba opens an office") -> bytes:
    return record(identity, 1, text).model_dump_json(exclude_none=True).encode() + b"\n"


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def _ids(feed: FileFeed | StdinFeed, most: int = 100) -> list[str]:
    return [one.id for one in feed.read_batch(most, timeout=0).records]


def _again(path: Path, feed: FileFeed) -> FileFeed:
    """Another process that goes on where this one committed."""
    position = feed.read_batch(0, timeout=0).position
    feed.close()
    kept = position.model_dump_json() if position else None
    return FileFeed(path, FilePosition.model_validate_json(kept) if kept else None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.jsonl"


def test_it_reads_what_is_appended(path: Path) -> None:
    path.write_bytes(_line("a"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    assert _ids(feed) == []
    _append(path, _line("b") + _line("c"))
    assert _ids(feed) == ["b", "c"]


def test_it_waits_for_a_file_that_is_not_there_yet(path: Path) -> None:
    feed = FileFeed(path)
    assert _ids(feed) == []
    path.write_bytes(_line("a"))
    assert _ids(feed) == ["a"]
    with pytest.raises(UserError, match="no such file"):
        FileFeed(path.with_name("other.jsonl"), once=True)


def test_a_line_written_in_two_halves_is_one_record(path: Path) -> None:
    line = _line("a")
    path.write_bytes(line[:20])
    feed = FileFeed(path)
    assert _ids(feed) == []
    _append(path, line[20:])
    assert _ids(feed) == ["a"]


def test_a_restart_within_a_line_reads_it_once(path: Path) -> None:
    line = _line("b")
    path.write_bytes(_line("a") + line[:15])
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    feed = _again(path, feed)
    _append(path, line[15:])
    assert _ids(feed) == ["b"]


def test_rotation_is_followed_and_the_rest_of_the_old_file_read_first(path: Path) -> None:
    path.write_bytes(_line("a"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    _append(path, _line("b"))
    path.rename(path.with_name("feed.jsonl.1"))
    path.write_bytes(_line("c"))
    assert _ids(feed) == ["b", "c"]


def test_rotation_while_it_was_stopped_is_followed_too(path: Path) -> None:
    path.write_bytes(_line("a"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    position = FilePosition.model_validate_json(feed.read_batch(0).position.model_dump_json())
    feed.close()
    _append(path, _line("b"))
    path.rename(path.with_name("feed.jsonl.1"))
    path.write_bytes(_line("c"))
    assert _ids(FileFeed(path, position)) == ["b", "c"]


def test_a_truncated_file_is_read_from_its_beginning(path: Path) -> None:
    path.write_bytes(_line("a") + _line("b"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a", "b"]
    path.write_bytes(_line("c"))
    assert _ids(feed) == ["c"]


def test_a_file_rewritten_to_the_same_length_is_noticed(path: Path) -> None:
    path.write_bytes(_line("a"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    path.write_bytes(_line("b"))
    assert _ids(feed) == ["b"]


def test_another_file_under_the_same_inode_is_not_taken_for_the_old_one(path: Path) -> None:
    path.write_bytes(_line("a"))
    feed = FileFeed(path)
    assert _ids(feed) == ["a"]
    position = feed.read_batch(0, timeout=0).position
    assert isinstance(position, FilePosition)
    feed.close()
    path.unlink()
    path.write_bytes(_line("x") + _line("y"))
    reused = position.model_copy(update={"inode": path.stat().st_ino})
    assert _ids(FileFeed(path, reused)) == ["x", "y"]


def test_broken_lines_are_told_with_their_place_and_stop_nothing(path: Path) -> None:
    path.write_bytes(
        _line("a") + b"not json\n" + b'{"id": "x"}\n' + b"\xff\xfe\n" + b"\n" + _line("b")
    )
    batch = FileFeed(path, once=True).read_batch(100)
    assert [one.id for one in batch.records] == ["a", "b"]
    assert [one.place.rsplit(":", 1)[1] for one in batch.rejected] == ["2", "3", "4"]
    assert "published_at" in batch.rejected[1].reason
    assert "UTF-8" in batch.rejected[2].reason
    kept = path.with_name("rejected.jsonl")
    append_rejected(kept, batch.rejected)
    assert len(kept.read_text().splitlines()) == 3


def test_a_line_of_ten_megabytes_is_rejected_without_being_held(path: Path) -> None:
    path.write_bytes(_line("a") + b"x" * (10 * LONGEST_LINE) + b"\n" + _line("b"))
    batch = FileFeed(path, once=True).read_batch(100)
    assert [one.id for one in batch.records] == ["a", "b"]
    assert [one.reason for one in batch.rejected] == ["longer than 1 MiB"]


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
def test_a_time_that_utc_cannot_hold_is_a_bad_line(when: str) -> None:
    found = parse("feed:1", json.dumps({"published_at": when, "text": "Alba"}).encode())
    assert isinstance(found, Rejected)
    assert found.reason == "published_at: no year from 1 to 9999 in UTC"


def test_a_time_without_zone_is_refused_and_one_with_zone_is_kept_in_utc(path: Path) -> None:
    path.write_bytes(
        b'{"id": "a", "published_at": "2026-03-02T09:00:00", "text": "t"}\n'
        b'{"id": "b", "published_at": "2026-03-02T09:00:00+08:00", "text": "t"}\n'
    )
    batch = FileFeed(path, once=True).read_batch(10)
    assert [str(one.published_at) for one in batch.records] == ["2026-03-02 01:00:00+00:00"]
    assert "published_at" in batch.rejected[0].reason


def test_with_once_a_whole_last_line_needs_no_end_and_half_a_line_is_left(path: Path) -> None:
    path.write_bytes(_line("a") + _line("b").rstrip())
    batch = FileFeed(path, once=True).read_batch(10)
    assert [one.id for one in batch.records] == ["a", "b"]
    assert batch.ended
    path.write_bytes(_line("a") + _line("b")[:-10])
    batch = FileFeed(path, once=True).read_batch(10)
    assert [one.id for one in batch.records] == ["a"]
    assert not batch.rejected


def test_batches_are_no_larger_than_asked_for(path: Path) -> None:
    path.write_bytes(b"".join(_line(str(i)) for i in range(10)))
    feed = FileFeed(path)
    assert _ids(feed, 4) == ["0", "1", "2", "3"]
    assert feed.read_batch(4).backlog > 0


def test_stdin_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(_line("a") + b"oops\n" + _line("b").rstrip())
    with os.fdopen(reading, "rb") as stream:
        feed = StdinFeed(stream)
        batch = feed.read_batch(10)
        while not batch.ended:
            more = feed.read_batch(10)
            batch.records.extend(more.records)
            batch.rejected.extend(more.rejected)
            if more.ended:
                break
    assert [one.id for one in batch.records] == ["a", "b"]
    assert [one.place for one in batch.rejected] == ["stdin:2"]


def test_the_position_of_another_kind_of_feed_is_refused(path: Path) -> None:
    path.write_bytes(_line("a"))
    with pytest.raises(UserError, match="another kind of feed"):
        open_feed(str(path), position='{"last": "1-0"}')
    with pytest.raises(UserError, match="not a regular file"):
        open_feed(str(path.parent))


def test_a_json_file_is_a_table_or_lines_by_how_it_begins(tmp_path: Path) -> None:
    one = record("a", 1).model_dump(mode="json")
    for content in (json.dumps([one]), json.dumps(one) + "\n"):
        path = tmp_path / "feed.json"
        path.write_text(content, encoding="utf-8")
        feed, _ = open_past(path)
        assert [found.id for found in feed.read_batch(5).records] == ["a"]
        feed.close()
