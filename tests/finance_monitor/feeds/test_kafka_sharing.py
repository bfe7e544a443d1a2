"""Workers share a Kafka topic: partitions, what is too large, and one that is killed."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from kafka_broker import Cluster, lines
from news import record, story
from processes import Process, run

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.kafka.kafka_feed import KafkaFeed
from apps.finance_monitor.feeds.kafka.sharing import KafkaShare
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.watch.worker import SCORED_TOGETHER
from common.errors import UserError

GROUPS = count()
# Of the protocol: a request, and an error.
PRODUCE, TOO_LARGE = 0, 10
# So that the partitions of one that dies are soon another's; to form a group takes three seconds.
SOON = "session.timeout.ms = 6000\nheartbeat.interval.ms = 500"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture
def source(cluster: Cluster, tmp_path: Path) -> str:
    settings = tmp_path / "kafka.toml"
    settings.write_text(SOON)
    number = next(GROUPS)
    cluster.create(f"news-{number}", partitions=2)
    cluster.create(f"scored-{number}")
    return f"{cluster.address}/news-{number}?group=g{number}&settings={settings}"


def _topic(address: str) -> str:
    return address.partition("?")[0].rpartition("/")[2]


def _target(address: str) -> str:
    return address.partition("?")[0].replace("/news-", "/scored-")


def _share(
    source: str,
    target: str | None = None,
    rejected: list[Rejected] | None = None,
    stopping: threading.Event | None = None,
) -> KafkaShare:
    rejected = [] if rejected is None else rejected
    return KafkaShare(
        source, target or _target(source), rejected.extend, stopping or threading.Event()
    )


def _read(share: KafkaShare, wanted: int, seconds: float = 30.0) -> list[str]:
    deadline = time.monotonic() + seconds
    while not (records := share.read_batch(wanted, timeout=0.1).records):
        assert time.monotonic() < deadline
    return [one.id for one in records]


def test_what_is_read_is_acknowledged_once_it_is_published(cluster: Cluster, source: str) -> None:
    cluster.send(_topic(source), *lines(record(one, 1) for one in "ab"))
    dies = _share(source)
    assert _read(dies, 1) == ["a"]
    dies.publish([story("a", 1)])
    assert _read(dies, 1) == ["b"]
    dies.close()
    lives = _share(source)
    assert _read(lives, 2) == ["b"]
    lives.publish([story("b", 1)])
    lives.close()
    written = cluster.values(_topic(_target(source)))
    assert [ScoredRecord.model_validate_json(one).id for one in written] == ["a", "b"]


def test_workers_share_the_partitions_and_take_over_from_one_that_leaves(
    cluster: Cluster, source: str
) -> None:
    shares = [_share(source) for _ in range(2)]
    found: list[set[str]] = [set(), set()]
    deadline = time.monotonic() + 90

    def go_on(shares: list[KafkaShare]) -> None:
        assert time.monotonic() < deadline, found
        for number in (0, 1):
            name = f"{time.monotonic()}-{number}"
            cluster.send(_topic(source), *lines([record(name, 1)]), partition=number)
        for known, share in zip(found, shares, strict=False):
            batch = share.read_batch(10, timeout=0.2)
            share.publish([story(one.id, 1) for one in batch.records])
            known |= {one.id for one in batch.records}

    while not all(found):
        go_on(shares)
    shares[1].close()
    found[0].clear()
    while {name[-1] for name in found[0]} != {"0", "1"}:
        go_on(shares[:1])
    shares[0].close()


@pytest.mark.parametrize("refuses", ["the client", "the broker"])
def test_a_story_that_is_too_large_is_rejected_and_the_others_are_written(
    cluster: Cluster, source: str, refuses: str
) -> None:
    cluster.send(_topic(source), *lines(record(one, 1) for one in "ab"))
    rejected: list[Rejected] = []
    share = _share(source, rejected=rejected)
    _read(share, 2)
    if refuses == "the client":
        share.publish([story("a", 1, text="x" * 1_100_000), story("b", 1)])
    else:
        # The first time for all that came together, then for the first of them alone.
        cluster.refuse(PRODUCE, TOO_LARGE, times=2)
        share.publish([story("a", 1), story("b", 1)])
    share.close()
    assert [one.place for one in rejected] == ["id a"]
    assert "bytes" in rejected[0].reason
    written = cluster.values(_topic(_target(source)))
    assert [ScoredRecord.model_validate_json(one).id for one in written] == ["b"]


def test_a_worker_can_be_stopped_while_the_brokers_are_away(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.create("news-0")
    cluster.create("scored-0")
    (tmp_path / "kafka.toml").write_text(SOON)
    source = f"{cluster.address}/news-0?settings={tmp_path}/kafka.toml"
    cluster.send("news-0", *lines([record("a", 1)]))
    stopping = threading.Event()
    share = _share(source, stopping=stopping)
    _read(share, 1)
    cluster.down()
    writing = threading.Thread(target=share.publish, args=([story("a", 1)],), daemon=True)
    writing.start()
    writing.join(2)
    assert writing.is_alive()
    stopping.set()
    writing.join(20)
    assert not writing.is_alive()
    closing = threading.Thread(target=share.close, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    cluster.up()
    again = _share(source)
    assert _read(again, 1) == ["a"]
    again.close()
    cluster.close()


def test_a_monitor_that_was_tried_before_takes_nothing_from_the_workers(
    cluster: Cluster, source: str
) -> None:
    name = _topic(source)
    cluster.send(name, *lines([record("a", 1)]))
    feed = KafkaFeed(f"{cluster.address}/{name}")
    position = feed.read_batch(1, timeout=10).position
    assert position
    feed.acknowledge(position)
    feed.close()
    share = _share(f"{cluster.address}/{name}", _target(source))
    assert _read(share, 1) == ["a"]
    share.close()


def test_what_retention_took_from_the_workers_is_told_with_how_many(
    cluster: Cluster, source: str
) -> None:
    name = _topic(source)
    cluster.send(name, *lines([record("first", 1)]))
    share = _share(source)
    _read(share, 1)
    share.publish([story("first", 1)])
    share.close()
    # The broker keeps five megabytes of a partition.
    cluster.send(name, *lines(record(f"r{i}", 1, "Alba " + "x" * 100_000) for i in range(70)))
    share = _share(source)
    deadline = time.monotonic() + 90
    batch = share.read_batch(10, timeout=0.1)
    rejected = batch.rejected
    while not batch.records:
        assert time.monotonic() < deadline
        batch = share.read_batch(10, timeout=0.1)
        rejected += batch.rejected
    lost = int(batch.records[0].id[1:])
    assert lost > 0
    assert [one.place for one in rejected] == [f"{name}[0]:1-{lost}"]
    assert f"{lost} messages were deleted" in rejected[0].reason
    share.close()


def test_both_topics_must_be_there_on_the_same_brokers(cluster: Cluster, source: str) -> None:
    for says, target in (
        ("same brokers", "kafka://127.0.0.1:1/scored"),
        ("Unknown topic", f"{cluster.address}/none"),
    ):
        with pytest.raises(UserError, match=says):
            _share(source, target)


def test_a_worker_killed_in_the_middle_loses_nothing(
    cluster: Cluster, source: str, release: Path, tmp_path: Path
) -> None:
    expected = [f"r{i}" for i in range(320)]

    def send(numbers: range) -> None:
        for i in numbers:
            text = f"Alba {'warns of heavy losses' if i % 3 else 'shares rally'}, says source {i}"
            cluster.send(_topic(source), *lines([record(expected[i], 1, text)]), partition=i % 2)

    send(range(280))
    cluster.send(_topic(source), b"no json")
    target, scored = _target(source), _topic(_target(source))

    def work() -> Process:
        return Process(
            "-m", "apps.finance_monitor", "watch", source,
            "--score-only", target, "--store", release,
        )  # fmt: skip

    def ids() -> list[str]:
        return [ScoredRecord.model_validate_json(one).id for one in cluster.values(scored)]

    deadline = time.monotonic() + 240
    with work() as first:
        while not cluster.values(scored):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        first.kill()
    send(range(280, 320))
    with work() as second:
        while {*ids()} != {*expected}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    rejected = (release / "finance_monitor" / "rejected.jsonl").read_text().splitlines()
    assert "no json" in {json.loads(line)["content"] for line in rejected}
    # What was written and not acknowledged yet stands there twice, one batch at most; whoever reads
    # it counts each once.
    assert len(ids()) - len(expected) <= SCORED_TOGETHER
    done = run("-m", "apps.finance_monitor", "watch", target, "--scored", "--once", "--json",
               "--store", tmp_path / "detector")  # fmt: skip
    assert f"{len(expected)} stories" in done.stderr
