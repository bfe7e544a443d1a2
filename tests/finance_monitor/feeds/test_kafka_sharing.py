"""Several workers share a Kafka topic: partitions, transactions, and a worker that is killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from kafka_broker import Cluster, lines
from news import record, story
from processes import Process, run

from apps.finance_monitor.feeds.kafka.sharing import KafkaShare
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.watch.worker import SCORED_TOGETHER
from common.errors import UserError

GROUPS = count()
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


def _read(share: KafkaShare, wanted: int, seconds: float = 30.0) -> list[str]:
    deadline = time.monotonic() + seconds
    while not (records := share.read_batch(wanted, timeout=0.1).records):
        assert time.monotonic() < deadline
    return [one.id for one in records]


def test_what_is_read_is_acknowledged_once_it_is_published(cluster: Cluster, source: str) -> None:
    cluster.send(_topic(source), *lines(record(one, 1) for one in "ab"))
    dies = KafkaShare(source, _target(source))
    assert _read(dies, 1) == ["a"]
    dies.publish([story("a", 1)])
    assert _read(dies, 1) == ["b"]
    dies.close()
    lives = KafkaShare(source, _target(source))
    assert _read(lives, 2) == ["b"]
    lives.publish([story("b", 1)])
    lives.close()
    written = cluster.values(_topic(_target(source)))
    assert [ScoredRecord.model_validate_json(one).id for one in written] == ["a", "b"]


def test_workers_share_the_partitions_and_take_over_from_one_that_leaves(
    cluster: Cluster, source: str
) -> None:
    shares = [KafkaShare(source, _target(source)) for _ in range(2)]
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


def test_both_topics_must_be_there_on_the_same_brokers(cluster: Cluster, source: str) -> None:
    for says, target in (
        ("same brokers", "kafka://127.0.0.1:1/scored"),
        ("Unknown topic", f"{cluster.address}/none"),
    ):
        with pytest.raises(UserError, match=says):
            KafkaShare(source, target)


def test_a_worker_killed_in_the_middle_loses_nothing(
    cluster: Cluster, source: str, release: Path, tmp_path: Path
) -> None:
    expected = [f"r{i}" for i in range(320)]
    for i, identity in enumerate(expected):
        text = f"Alba {'warns of heavy losses' if i % 3 else 'shares rally'}, says source {i}"
        cluster.send(_topic(source), *lines([record(identity, 1, text)]), partition=i % 2)
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
    assert len(ids()) < len(expected)
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
