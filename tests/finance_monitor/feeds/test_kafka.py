"""Kafka, by its own protocol: partitions, retention, an outage, and a monitor that is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from kafka_broker import Cluster, lines
from monitor_serving import tells_the_same_when_killed
from news import quiet_then_surge, record
from scraping import running_with_metrics, scrape_until

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.kafka.address import read_address
from apps.finance_monitor.feeds.kafka.kafka_feed import KafkaFeed, KafkaPosition
from apps.finance_monitor.feeds.kafka.partitions import PATIENCE_SECONDS, Message, Partitions
from apps.finance_monitor.feeds.lines import LONGEST_LINE
from apps.finance_monitor.feeds.opening import open_feed
from common.errors import UserError

TOPICS = count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture
def topic(cluster: Cluster) -> str:
    name = f"news-{next(TOPICS)}"
    cluster.create(name, partitions=2)
    return name


def _read_with_rejected(feed: KafkaFeed) -> tuple[list[str], list[Rejected]]:
    """Ids until there is one, and what was rejected by then."""
    found: list[str] = []
    rejected: list[Rejected] = []
    while not found:
        batch = feed.read_batch(10, timeout=1)
        found += [one.id for one in batch.records]
        rejected += batch.rejected
    return found, rejected


def _read(feed: Any, wanted: int, seconds: float = 20.0) -> list[str]:
    """So many ids, in the order of the feed."""
    found: list[str] = []
    deadline = time.monotonic() + seconds
    while len(found) < wanted:
        assert time.monotonic() < deadline, found
        found += [one.id for one in feed.read_batch(wanted - len(found), timeout=0.1).records]
    return found


def _open(cluster: Cluster, topic: str, **options: Any) -> KafkaFeed:
    return KafkaFeed(f"{cluster.address}/{topic}", **options)


def _send(cluster: Cluster, topic: str, *identities: str, partition: int = 0) -> None:
    cluster.send(topic, *lines(record(one, 1) for one in identities), partition=partition)


def test_it_goes_on_behind_what_was_committed_whatever_the_broker_knows(
    cluster: Cluster, topic: str
) -> None:
    _send(cluster, topic, "a", "b", "c")
    first = _open(cluster, topic)
    assert _read(first, 1) == ["a"]
    batch = first.read_batch(1, timeout=10)
    assert [one.id for one in batch.records] == ["b"]
    assert batch.position
    rest = first.read_batch(10, timeout=10)
    assert rest.position
    # As where the process dies after the broker was told and before its store was written.
    first.acknowledge(rest.position)
    first.close()
    again = _open(cluster, topic, position=batch.position)
    assert _read(again, 1) == ["c"]
    again.close()


def test_the_group_shows_its_lag_at_the_broker(cluster: Cluster, topic: str) -> None:
    from confluent_kafka import Consumer, TopicPartition

    _send(cluster, topic, "a", "b")
    feed = KafkaFeed(f"{cluster.address}/{topic}?group=desk")
    _read(feed, 1)
    batch = feed.read_batch(1, timeout=10)
    assert batch.position
    feed.acknowledge(batch.position)
    feed.close()
    looking = Consumer({"bootstrap.servers": cluster.servers, "group.id": "desk"})
    assert looking.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 2
    looking.close()


def test_partitions_are_read_in_the_order_of_the_news(cluster: Cluster, topic: str) -> None:
    early, late = ([record(f"{name}{i}", i + off) for i in range(5000)] for name, off in
                   (("e", 0.0), ("l", 0.5)))  # fmt: skip
    cluster.send(topic, *lines(late), partition=1)
    cluster.send(topic, *lines(early), partition=0)
    feed = _open(cluster, topic)
    found = _read(feed, 10_000, 60)
    assert found == [one for pair in zip(early, late, strict=True) for one in (p.id for p in pair)]
    feed.close()


def test_scoring_that_takes_longer_than_the_patience_mixes_no_partitions(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.finance_monitor.feeds.kafka import kafka_feed, partitions

    monkeypatch.setattr(kafka_feed, "FETCHED_TOGETHER", 20)
    monkeypatch.setattr(partitions, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(partitions, "MOST_HELD", 200)
    cluster.create("slowly", 3)
    stories = [record(f"r{i}", i / 100) for i in range(3000)]
    for number in range(3):
        cluster.send("slowly", *lines(stories[number::3]), partition=number)
    feed = _open(cluster, "slowly")
    found: list[str] = []
    while len(found) < len(stories):
        found += [one.id for one in feed.read_batch(3000, timeout=1).records]
        time.sleep(0.7)
    assert found == [one.id for one in stories]
    feed.close()


def test_what_comes_behind_the_end_is_waited_for_before_later_news() -> None:
    partitions = Partitions()
    for number in (0, 1):
        partitions.begin(number, offset=0, end=0, now=0.0)
        partitions.tell_no_more(number, 0)
    partitions.push(Message(0, 0, 9.0, None), 0.1)
    partitions.tell_end(1, 1)
    assert not partitions.take(10, 0.2)
    partitions.push(Message(1, 0, 8.0, None), 0.3)
    assert [one.time for one in partitions.take(10, 0.4)] == [8.0, 9.0]


def test_bytes_are_bounded_over_all_partitions_and_none_that_is_waited_for_is_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apps.finance_monitor.feeds.kafka import partitions

    monkeypatch.setattr(partitions, "MOST_BYTES", 100)
    held = Partitions()
    for number in range(3):
        held.begin(number, offset=0, end=9, now=0.0)
    for number in (0, 1):
        held.push(Message(number, 0, 1.0 + number, None, size=60), 0.0)
    assert held.crowded == {0, 1}
    held.push(Message(2, 0, 0.0, None, size=60), 0.0)
    assert [one.partition for one in held.take(1, 0.0)] == [2]
    assert held.crowded == {0, 1}
    held.push(Message(2, 1, 3.0, None, size=1), 0.0)
    assert [one.partition for one in held.take(1, 0.0)] == [0]
    assert not held.crowded


def test_a_date_that_is_still_to_come_holds_up_no_partition(cluster: Cluster, topic: str) -> None:
    cluster.send(topic, *lines([record("wrong", 24 * 36_500), record("right", 1)]), partition=0)
    soon = [record(f"r{i}", 24 * 3650) for i in range(50)]
    cluster.send(topic, *lines(soon), partition=1)
    feed = _open(cluster, topic)
    assert _read(feed, 2) == ["wrong", "right"]
    feed.close()


def test_after_an_outage_partitions_wait_for_each_other_but_not_for_ever() -> None:
    partitions = Partitions()
    for number in (0, 1):
        partitions.begin(number, offset=0, end=0, now=0.0)
    assert partitions.is_over
    for number in (0, 1):
        partitions.doubt(number, end=2, now=100.0)
    partitions.push(Message(0, 0, 9.0, None), 100.1)
    assert not partitions.take(10, 100.2)
    partitions.push(Message(1, 0, 8.0, None), 100.3)
    assert [one.time for one in partitions.take(10, 100.4)] == [8.0]
    assert partitions.next_offsets == {0: 0, 1: 1}
    assert [one.time for one in partitions.take(10, 100.4 + PATIENCE_SECONDS)] == [9.0]
    assert partitions.backlog == 2


def test_an_empty_partition_holds_up_no_other(cluster: Cluster, topic: str) -> None:
    _send(cluster, topic, "a")
    feed = _open(cluster, topic, once=True)
    batch = feed.read_batch(10, timeout=3)
    assert [one.id for one in batch.records] == ["a"]
    while not batch.ended:
        batch = feed.read_batch(10, timeout=3)
        assert not batch.records
    assert batch.backlog == 0
    feed.close()


def test_a_partition_that_is_new_is_read_from_its_beginning(
    cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(cluster, topic, "a", partition=0)
    _send(cluster, topic, "b", partition=1)
    before = KafkaPosition(topic=topic, offsets={0: 1})
    feed = _open(cluster, topic, position=before)
    assert _read(feed, 1) == ["b"]
    feed.close()
    # And while it runs: at the start it is told of one partition alone.
    from apps.finance_monitor.feeds.kafka import connection

    monkeypatch.setattr(connection.Connection, "find", lambda self: [0])
    feed = _open(cluster, topic, position=before)
    assert _read(feed, 1) == ["b"]
    feed.close()


def test_what_the_topic_holds_no_more_is_told_with_how_many(
    cluster: Cluster, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # The broker keeps five megabytes of a partition.
    padded = [record(f"r{i}", 1, "Alba " + "x" * 100_000) for i in range(70)]
    cluster.send(topic, *lines(padded))
    feed = _open(cluster, topic, position=KafkaPosition(topic=topic, offsets={0: 3}))
    first = feed.read_batch(1, timeout=10)
    rest = first.records or feed.read_batch(1, timeout=10).records
    lost = int(rest[0].id[1:]) - 3
    assert lost > 0
    assert f"{lost} messages were deleted by the topic's retention" in first.rejected[0].reason
    assert first.rejected[0].place == f"{topic}[0]:3-{lost + 2}"
    assert f"{lost} messages" in capsys.readouterr().err
    feed.close()


def test_retention_that_overtakes_a_monitor_at_work(
    cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.finance_monitor.feeds.kafka import partitions

    monkeypatch.setattr(partitions, "MOST_HELD", 5)
    padded = [record(f"r{i}", 1, "Alba " + "x" * 100_000) for i in range(180)]
    cluster.send(topic, *lines(padded[:20]))
    feed = _open(cluster, topic)
    found = _read(feed, 1)
    cluster.send(topic, *lines(padded[20:]))
    lost = 0
    while found[-1] != "r179":
        batch = feed.read_batch(10, timeout=1)
        found += [one.id for one in batch.records]
        lost += sum(int(one.reason.split()[0]) for one in batch.rejected)
    assert len(found) == len(set(found))
    assert len(found) + lost == 180
    assert lost
    feed.close()


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    cluster: Cluster, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _send(cluster, topic, "a")
    feed = _open(cluster, topic, position=KafkaPosition(topic=topic, offsets={0: 100, 1: 0}))
    assert _read(feed, 1) == ["a"]
    assert "made anew" in capsys.readouterr().err
    feed.close()


def test_the_position_of_another_cluster_is_not_gone_on_from(
    cluster: Cluster, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _send(cluster, topic, "a", "b")
    feed = _open(cluster, topic)
    batch = feed.read_batch(1, timeout=10)
    assert isinstance(batch.position, KafkaPosition)
    assert batch.position.cluster
    feed.close()
    for cluster_id, first in ((batch.position.cluster, "b"), (None, "b"), ("another", "a")):
        position = batch.position.model_copy(update={"cluster": cluster_id})
        feed = _open(cluster, topic, position=position)
        assert _read(feed, 1) == [first]
        assert ("cluster another" in capsys.readouterr().err) is (first == "a")
        feed.close()


def test_a_message_longer_than_a_line_may_be_is_rejected(cluster: Cluster, topic: str) -> None:
    cluster.send(topic, b"x" * (LONGEST_LINE + 1), *lines([record("a", 1)]))
    feed = _open(cluster, topic)
    _, rejected = _read_with_rejected(feed)
    assert [(one.place, one.reason) for one in rejected] == [(f"{topic}[0]:0", "longer than 1 MiB")]
    feed.close()


def test_broken_and_empty_messages(cluster: Cluster, topic: str) -> None:
    cluster.send(topic, b"no json", b"", *lines([record("a", 1)]))
    feed = _open(cluster, topic)
    found, rejected = _read_with_rejected(feed)
    assert found == ["a"]
    assert [one.place for one in rejected] == [f"{topic}[0]:0"]
    feed.close()


def test_an_outage_is_told_once_and_nothing_is_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = Cluster()
    cluster.create("news", 2)
    _send(cluster, "news", "a")
    feed = _open(cluster, "news")
    assert _read(feed, 1) == ["a"]
    cluster.down()
    batch = feed.read_batch(10, timeout=0.1)
    deadline = time.monotonic() + 60
    while not batch.outages:
        assert time.monotonic() < deadline
        batch = feed.read_batch(10, timeout=0.1)
    for _ in range(10):
        batch = feed.read_batch(10, timeout=0.2)
    (health,) = batch.sources
    assert "news" in batch.outages
    assert (health.name, health.kind, health.error) == ("news", "kafka", batch.outages["news"])
    assert health.behind
    cluster.up()
    _send(cluster, "news", "b")
    assert _read(feed, 1, 30) == ["b"]
    while batch.outages:
        batch = feed.read_batch(10, timeout=0.1)
    assert batch.sources[0].error is None
    assert batch.sources[0].last_error
    assert capsys.readouterr().err.count("unreachable") == 1
    feed.close()
    cluster.close()


def test_wrong_addresses_and_settings_are_explained(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create("known")
    file = tmp_path / "kafka.toml"
    for said, spec, settings in (
        ("not the address of a topic", f"{cluster.address}/", ""),
        ("not the address of a topic", f"{cluster.address}/a/b", ""),
        ("not the address of a topic", "kafka://[::1/t", ""),
        ("not the address of a topic", "kafka://me:secret@[::1/t", ""),
        ("unknown option: gruop", f"{cluster.address}/known?gruop=g", ""),
        ("Unknown topic(.|\n)*known", f"{cluster.address}/unknown", ""),
        ("does not answer", "kafka://127.0.0.1:1/news", ""),
        ("does not answer: ssl://", f"{cluster.address}/known?settings={file}",
         'security.protocol = "SSL"'),
        ("seen by all", "kafka://me:secret@127.0.0.1:1/news", ""),
        ('property: "gruop"', f"{cluster.address}/known?settings={file}", 'gruop = "g"'),
        ("group.id", f"{cluster.address}/known?settings={file}", 'group.id = "g"'),
        ("ssl.ca.location", f"{cluster.address}/known?settings={file}",
         f'security.protocol = "SSL"\nssl.ca.location = "{tmp_path}/none.pem"'),
        ("debug", f"{cluster.address}/known?settings={file}", 'debug = ["all"]'),
    ):  # fmt: skip
        file.write_text(settings)
        with pytest.raises(UserError, match=said) as raised:
            KafkaFeed(spec)
        assert "secret" not in str(raised.value)


def test_settings_of_the_client_are_taken(tmp_path: Path, cluster: Cluster, topic: str) -> None:
    file = tmp_path / "kafka.toml"
    file.write_text(
        'client.id = "desk"\n"socket.keepalive.enable" = true\nsocket.timeout.ms = 5000'
    )
    address = read_address(f"{cluster.address}/{topic}?settings={file}")
    assert address.settings == {
        "client.id": "desk",
        "socket.keepalive.enable": "true",
        "socket.timeout.ms": "5000",
    }
    _send(cluster, topic, "a")
    feed = open_feed(f"{cluster.address}/{topic}?settings={file}")
    assert _read(feed, 1) == ["a"]
    feed.close()


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(UserError, match=r"bizlm\[kafka\]"):
        open_feed("kafka://127.0.0.1:9092/news")


def test_the_position_of_another_feed_is_refused(cluster: Cluster, topic: str) -> None:
    spec = f"{cluster.address}/{topic}"
    other = KafkaPosition(topic="other", offsets={0: 1}).model_dump_json()
    for position in (other, '{"last": "1-0"}'):
        with pytest.raises(UserError, match="saved position"):
            open_feed(spec, position=position)


def test_a_monitor_that_is_killed_tells_the_same(
    cluster: Cluster, topic: str, tmp_path: Path
) -> None:
    stories = quiet_then_surge()
    for number in (0, 1):
        cluster.send(topic, *lines(stories[number::2]), partition=number)

    tells_the_same_when_killed(lambda _: f"{cluster.address}/{topic}", tmp_path)


def test_how_a_topic_does_is_told_to_prometheus(
    cluster: Cluster, topic: str, tmp_path: Path
) -> None:
    cluster.send(topic, *lines(quiet_then_surge()[:20]), b"no json")
    verb = ("watch", f"{cluster.address}/{topic}", "--scored", "--store", str(tmp_path))
    with running_with_metrics(*verb) as scrape:
        metrics = scrape_until(scrape, "bizlm_monitor_rejected_total", 1)
        metrics = scrape_until(scrape, "bizlm_monitor_records_total", 20)
    assert metrics[f'bizlm_monitor_source_items{{source="{topic}"}}'] == 20
    assert metrics["bizlm_monitor_lag"] == 0
