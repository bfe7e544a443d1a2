"""Sources asked at the same time: none holds up another, and nobody is asked too much."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic

import pytest
from publishing import Clock, Publisher, feed_of, item, published

from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.rss import RssSource
from apps.finance_monitor.feeds.sources.source_feed import SourceFeed


def test_a_slow_source_holds_up_no_other(publisher: Publisher, address: str, clock: Clock) -> None:
    slow = Publisher(delays={"/slow": 3.0})
    slow.rss("/slow", item("s", "Slow"))
    publisher.rss("/a", item("1", "First"))
    with published(slow) as elsewhere:
        sources = [
            RssSource(url=elsewhere.replace("127.0.0.1", "localhost") + "/slow"),
            RssSource(url=f"{address}/a"),
        ]
        feed = SourceFeed(sources, clock=clock, patience=1.0)
        begun = monotonic()
        assert [one.headline for one in feed.read_batch(10, timeout=0.0).records] == ["First"]
        assert monotonic() - begun < 2.5
        late: list[str] = []
        while not late:
            assert monotonic() - begun < 30
            late = [one.headline for one in feed.read_batch(10, timeout=0.2).records]
        assert late == ["Slow"]


def test_a_host_is_asked_one_thing_at_a_time(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    for path in "abc":
        publisher.delays[f"/{path}"] = 0.05
    feed = feed_of([RssSource(url=f"{address}/{path}") for path in "abc"], clock=clock)
    feed.read_batch(10, timeout=0.0)
    assert len(publisher.requests) == 3
    times = [one.at for one in publisher.requests]
    assert all(later - sooner >= 0.05 for sooner, later in pairwise(times))


def test_turns_are_so_far_apart_whoever_waits() -> None:
    waited: list[float] = []
    web = Web(pause=waited.append)
    for _ in range(4):
        web.wait_turn("one", 10.0)
    web.wait_turn("another", 10.0)
    assert [round(seconds) for seconds in waited] == [10, 20, 30]


def test_each_source_tells_how_it_does(publisher: Publisher, address: str, clock: Clock) -> None:
    publisher.rss("/a", item("1", "First"))
    publisher.documents["/b"] = lambda _: 503
    sources = [
        RssSource(url=f"{address}/a", name="A", every=60),
        RssSource(url=f"{address}/b", name="B", every=60),
    ]
    feed = feed_of(sources, clock=clock)
    first, second = feed.read_batch(10, timeout=0.0).sources
    assert (first.name, first.heard_at, first.next_try, first.error) == (
        *("A", clock.now, clock.now + 60, None),
    )
    assert (second.heard_at, second.error, second.next_try) == (
        *(None, "answers 503", clock.now + 120),
    )
    publisher.rss("/b", item("1", "Second"))
    clock.now += 121
    first, second = feed.read_batch(10, timeout=0.0).sources
    assert (second.error, second.last_error, second.records) == (None, "answers 503", 1)
    assert second.failed_at == clock.now - 121
    clock.now += 30
    assert [one.behind for one in feed.health] == [30, 30]


def test_what_a_source_raises_is_told_and_never_ends_the_feed(
    publisher: Publisher, address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr("apps.finance_monitor.feeds.sources.syndication.read_entries", fail)
    publisher.rss("/a", item("1", "First"))
    feed = feed_of([RssSource(url=f"{address}/a", name="A")], clock=clock)
    assert feed.read_batch(10, timeout=0.0).outages == {"A": "something nobody thought of"}
