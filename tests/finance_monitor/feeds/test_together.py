"""Two feeds heard as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from news import record

from apps.finance_monitor.feeds.feed import Feed
from apps.finance_monitor.feeds.opening import open_beside, open_feed


def _write(path: Path, *identities: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        for identity in identities:
            file.write(record(identity, 1).model_dump_json(exclude_none=True) + "\n")


def _read(feed: Feed, most: int = 10) -> tuple[list[str], str]:
    batch = feed.read_batch(most, timeout=0.0)
    assert batch.position is not None
    return [one.id for one in batch.records], batch.position.model_dump_json()


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return tmp_path / "feed.jsonl"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox.jsonl"


def test_each_is_heard_in_its_order_and_neither_keeps_the_other_waiting(
    main: Path, inbox: Path
) -> None:
    _write(main, *(f"m{n}" for n in range(6)))
    _write(inbox, *(f"i{n}" for n in range(6)))
    feed = open_beside(str(main), inbox, None)
    heard = [_read(feed, 2)[0] for _ in range(6)]
    assert heard == [
        ["i0", "i1"],
        ["m0", "m1"],
        ["i2", "i3"],
        ["m2", "m3"],
        ["i4", "i5"],
        ["m4", "m5"],
    ]
    assert feed.read_batch(2, timeout=0.0).records == []


def test_a_restart_goes_on_in_both_where_the_last_batch_was_committed(
    main: Path, inbox: Path
) -> None:
    _write(main, "m0", "m1", "m2")
    _write(inbox, "i0", "i1", "i2")
    died = open_beside(str(main), inbox, None)
    _, kept = _read(died, 2)
    # This was read, and never committed.
    assert _read(died, 2)[0] == ["m0", "m1"]
    feed = open_beside(str(main), inbox, kept)
    found = [one for _ in range(3) for one in _read(feed, 2)[0]]
    assert sorted(found) == ["i2", "m0", "m1", "m2"]


def test_a_feed_may_be_joined_by_another_and_be_left_by_it(main: Path, inbox: Path) -> None:
    _write(main, "m0", "m1")
    _write(inbox, "i0")
    alone, kept = _read(open_feed(str(main)), 1)
    both = open_beside(str(main), inbox, kept)
    joined, _ = _read(both)
    more, kept = _read(both)
    _write(main, "m2")
    left, _ = _read(open_feed(str(main), position=kept))
    assert [alone, joined, more, left] == [["m0"], ["i0"], ["m1"], ["m2"]]
