"""Redis Streams for real: consumer groups, a dead reader, and workers beside one detector."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from monitor_serving import tells_the_same_when_killed
from news import quiet_then_surge, record, story
from processes import Process
from scraping import running_with_metrics, scrape_until

from apps.finance_monitor.feeds.redis_feed import RedisFeed
from apps.finance_monitor.schema import ScoredRecord
from benchmarks.chaos.proxy import Proxy
from common.errors import UserError

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(not SERVER, reason="needs redis-server on the path")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [str(SERVER), "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        import redis

        client = redis.Redis(port=port)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def client(address: str) -> Any:
    import redis

    made = redis.Redis.from_url(address)
    made.flushall()
    return made


def _add(client: Any, stream: str, *identities: str) -> None:
    for identity in identities:
        client.xadd(stream, {"record": record(identity, 1).model_dump_json(exclude_none=True)})


def _ids(feed: RedisFeed) -> list[str]:
    return [one.id for one in feed.read_batch(10, timeout=0.05).records]


def test_a_group_shares_the_messages(address: str, client: Any) -> None:
    _add(client, "news", "a", "b", "c")
    first = RedisFeed(f"{address}/news?group=g&consumer=one")
    second = RedisFeed(f"{address}/news?group=g&consumer=two")
    assert [one.id for one in first.read_batch(2).records] == ["a", "b"]
    assert _ids(second) == ["c"]
    assert _ids(first) == []


def test_what_was_not_acknowledged_comes_again_to_the_same_reader(
    address: str, client: Any
) -> None:
    _add(client, "news", "a", "b")
    spec = f"{address}/news?group=g&consumer=one"
    assert _ids(RedisFeed(spec)) == ["a", "b"]
    again = RedisFeed(spec)
    batch = again.read_batch(10)
    assert [one.id for one in batch.records] == ["a", "b"]
    assert batch.position
    again.acknowledge(batch.position)
    assert _ids(RedisFeed(spec)) == []


def test_a_dead_readers_messages_are_claimed_by_another(address: str, client: Any) -> None:
    _add(client, "news", "a")
    assert _ids(RedisFeed(f"{address}/news?group=g&consumer=dead")) == ["a"]
    living = RedisFeed(f"{address}/news?group=g&consumer=living&claim_after=0.05s")
    time.sleep(0.1)
    assert _ids(living) == ["a"]


def test_fields_by_name_and_broken_messages(address: str, client: Any) -> None:
    client.xadd("news", {"id": "a", "published_at": "2026-03-02T09:00:00Z", "text": "云岭银行"})
    client.xadd("news", {"record": "no json"})
    batch = RedisFeed(f"{address}/news").read_batch(10)
    assert [one.text for one in batch.records] == ["云岭银行"]
    assert batch.rejected[0].place.startswith("news:")


def test_a_field_whose_name_is_no_text_stops_nothing(address: str, client: Any) -> None:
    client.xadd("news", {b"\xff": "x"})
    _add(client, "news", "a")
    batch = RedisFeed(f"{address}/news", once=True).read_batch(10)
    assert [record.id for record in batch.records] == ["a"]
    assert len(batch.rejected) == 1


def test_a_server_that_forgot_its_streams_is_read_on(address: str, client: Any) -> None:
    feed = RedisFeed(f"{address}/news")
    _add(client, "news", "a")
    assert _ids(feed) == ["a"]
    # Started again, one that keeps nothing on disk has neither stream nor group.
    client.flushall()
    assert feed.read_batch(10, 0.01).records == []
    _add(client, "news", "b")
    assert _ids(feed) == ["b"]


def test_wrong_addresses_are_explained(address: str) -> None:
    for spec, says in (
        (f"{address}/", "not the address"),
        (f"{address}/news?gruop=g", "unknown option: gruop"),
        ("redis://127.0.0.1:1/news", "does not answer"),
    ):
        with pytest.raises(UserError, match=says):
            RedisFeed(spec)


def test_publishing_and_acknowledging_are_one(address: str, client: Any) -> None:
    _add(client, "news", "a")
    feed = RedisFeed(f"{address}/news?group=g&consumer=one")
    feed.read_batch(10)
    feed.publish("scored", [story("a", 1)])
    assert client.xlen("scored") == 1
    assert client.xpending("news", "g")["pending"] == 0


def test_what_was_published_is_not_published_again_when_the_answer_is_lost(
    address: str, client: Any
) -> None:
    _add(client, "news", "a")
    with Proxy(int(address.rpartition(":")[2])) as proxy:
        feed = RedisFeed(f"{proxy.address}/news?group=g&consumer=one")
        feed.read_batch(10)
        proxy.lose_answers()
        threading.Timer(0.2, proxy.restore).start()
        feed.publish("scored", [story("a", 1)])
    assert client.xlen("scored") == 1
    assert client.xpending("news", "g")["pending"] == 0


def test_what_was_handed_out_on_a_broken_line_comes_first_when_it_is_mended(
    address: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(int(address.rpartition(":")[2])) as proxy:
        feed = RedisFeed(f"{proxy.address}/news?group=g&consumer=one")
        assert not _ids(feed)
        # So that the answer that is lost is the one with the message in it.
        monkeypatch.setattr(feed, "_claim", lambda _: [])
        _add(client, "news", "a")
        proxy.lose_answers()
        away = feed.read_batch(10, timeout=0.05)
        proxy.restore()
        _add(client, "news", "b")
        batches = [away, feed.read_batch(10), feed.read_batch(10)]
    assert [[one.id for one in batch.records] for batch in batches] == [[], ["a"], ["b"]]
    assert "news" in away.outages


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    address: str, client: Any, release: Path
) -> None:
    expected = [f"r{i}" for i in range(320)]
    for i, identity in enumerate(expected):
        text = f"Alba {'warns of heavy losses' if i % 3 else 'shares rally'}, says source {i}"
        client.xadd(
            "news", {"record": record(identity, 1, text).model_dump_json(exclude_none=True)}
        )
    client.xadd("news", {"record": "no json"})

    def work(name: str) -> Process:
        return Process(
            "-m", "apps.finance_monitor", "watch",
            f"{address}/news?group=g&consumer={name}&claim_after=1s",
            "--score-only", f"{address}/scored", "--store", release,
        )  # fmt: skip

    def wait_for(scored: int) -> None:
        deadline = time.monotonic() + 120
        while client.xlen("scored") < scored:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with work("dies") as first:
        wait_for(1)
        first.kill()
    assert client.xlen("scored") < len(expected)
    with work("lives") as second:
        wait_for(len(expected))
        # All is read, and then all that was read is acknowledged: the broken message among it.
        while client.xinfo_groups("news")[0]["lag"] or client.xpending("news", "g")["pending"]:
            time.sleep(0.01)
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    scored = [
        ScoredRecord.model_validate_json(fields[b"record"]) for _, fields in client.xrange("scored")
    ]
    assert sorted(one.id for one in scored) == sorted(expected)
    assert {one.sentiment.label for one in scored if int(one.id[1:]) % 3} == {"negative"}
    rejected = (release / "finance_monitor" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected[-1])["content"] == "no json"


def test_a_worker_tells_its_figures_to_prometheus(address: str, client: Any, release: Path) -> None:
    for i in range(3):
        text = f"Alba warns of heavy losses, says source {i}"
        client.xadd("news", {"record": record(f"r{i}", 1, text).model_dump_json(exclude_none=True)})
    client.xadd("news", {"record": "no json"})
    verb = ("watch", f"{address}/news", "--score-only", f"{address}/scored")
    with running_with_metrics(*verb, "--store", str(release)) as scrape:
        metrics = scrape_until(scrape, "bizlm_monitor_records_total", 3)
    assert metrics["bizlm_monitor_records_total"] == 3
    assert metrics['bizlm_monitor_sentiment_total{sentiment="negative"}'] == 3
    assert metrics["bizlm_monitor_lag"] == 0
    assert metrics["bizlm_monitor_confidence"] > 0.5


def test_a_detector_that_is_killed_tells_the_same(
    address: str, client: Any, tmp_path: Path
) -> None:
    stories: list[ScoredRecord] = quiet_then_surge()
    for one in stories:
        client.xadd("scored", {"record": one.model_dump_json(exclude_none=True)})

    tells_the_same_when_killed(
        lambda name: f"{address}/scored?group={name}&consumer=detector", tmp_path
    )
