"""Events over HTTP: kept, counted once, and known to the next ranking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from shop import NOW, Shop, always, serving

from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.learning.reported import Event
from apps.recommender.learning.server import EventCollector, collect_events
from apps.recommender.server import build_app
from common.learning.behind import Fate
from common.releases.registry import Registry


@pytest.fixture
def collector(tmp_path: Path) -> EventCollector:
    return collect_events(Registry(tmp_path, "recommender"))


@pytest.fixture
def client(collector: EventCollector) -> Iterator[httpx.Client]:
    app = build_app(always(Shop()), collector=collector)
    with serving(app) as address, httpx.Client(base_url=address) as made:
        yield made


CLICK = {"user_id": "reader-7", "item_id": "item-3", "timestamp": NOW.isoformat()}
SHOWN = {"impression_id": "page-1", "user_id": "reader-7"}


def test_what_was_shown_and_done_is_kept_once(
    client: httpx.Client, collector: EventCollector
) -> None:
    items = [{"item_id": "item-3", "propensity": 0.25}, {"item_id": "not-there"}]
    body = {
        "events": [
            CLICK | {"impression_id": "page-1", "position": 1},
            {"user_id": 8, "item_id": "item-1", "behavior": "purchase", "event_id": "order-1"},
        ],
        "shown": [SHOWN | {"items": items}],
    }
    for _ in range(2):
        reply = client.post("/v1/events", json=body)
        assert reply.status_code == 201
        assert reply.json() == {"kept": 4, "unknown_items": ["not-there"]}
    store = collector.writer.store
    assert store.counts() == {"click": 1, "purchase": 1, "shown": 2}
    shown = [row for row in store.latest() if row.behavior == "shown"]
    assert {(row.item_id, row.position, row.propensity) for row in shown} == {
        ("item-3", 1, 0.25),
        ("not-there", 2, None),
    }
    (bought,) = store.latest(user_id="8")
    assert bought.behavior == "purchase"
    # Who reported it is a hash, and which release served is known.
    assert "127.0.0.1" not in bought.source
    assert bought.release_id
    assert [event.item_id for event in collector.recent.of("8")] == ["item-1"]
    metrics = client.get("/metrics").text
    assert "bizlm_rows_written_total 8.0" in metrics


def test_names_are_understood_by_which_they_were_checked(
    collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another release may begin to serve while rows are written."""
    collector.behaviors = lambda: Behaviors({"meh": "dislike"})
    write = collector.writer.write

    def promoted_meanwhile(*rows: Event) -> Fate:
        collector.behaviors = Behaviors
        return write(*rows)

    monkeypatch.setattr(collector.writer, "write", promoted_meanwhile)
    at = NOW.timestamp()
    row = Event(id="1", at=at, source="", user_id="9", item_id="item-1", behavior="meh")
    assert asyncio.run(collector.add([row]))
    assert [event.item_id for event in collector.recent.of("9")] == ["item-1"]


def test_names_of_the_shop_are_kept_and_understood(
    client: httpx.Client, collector: EventCollector
) -> None:
    events = [
        {"user_id": "9", "item_id": f"item-{n}", "behavior": name}
        for n, name in enumerate(("add_to_cart", "点踩"))
    ]
    assert client.post("/v1/events", json={"events": events}).status_code == 201
    assert collector.writer.store.counts() == {"add_to_cart": 1, "点踩": 1}
    understood = [(one.behavior, one.weight) for one in collector.recent.of("9")]
    assert sorted(understood) == [("browse", 0), ("click", 1)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "neither events nor shown"),
        ({"events": [CLICK | {"behavior": "stare"}]}, "events[0].behavior: the behavior 'stare'"),
        ({"events": [{"user_id": "a"}]}, "item_id"),
        ({"events": [CLICK | {"propensity": 0.5}]}, "propensity"),
        ({"events": [CLICK] * 1001}, "1000"),
        ({"events": [CLICK | {"position": 10**30}]}, "position"),
        ({"events": [CLICK | {"user_id": "a\x00b"}]}, "user_id"),
        ({"shown": [SHOWN | {"items": [{"item_id": "a", "propensity": 0}]}]}, "propensity"),
        ({"shown": [SHOWN | {"items": []}]}, "items"),
        ({"events": [CLICK | {"timestamp": "0001-01-01T00:00:00+14:00"}]}, "no year from 1"),
    ],
)
def test_a_wrong_body_says_what_is_wrong(
    client: httpx.Client, body: dict[str, object], said: str
) -> None:
    reply = client.post("/v1/events", json=body)
    assert reply.status_code == 422
    assert said in reply.text


def test_what_is_ahead_of_the_clock_is_refused(
    client: httpx.Client, collector: EventCollector
) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    reply = client.post("/v1/events", json={"events": [CLICK, CLICK | {"timestamp": later}]})
    assert reply.status_code == 422
    assert "events[1]" in reply.json()["detail"]
    assert collector.writer.store.counts() == {}


def test_what_nothing_can_take_is_not_called_kept(
    client: httpx.Client, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: object) -> None:
        raise OSError("down")

    monkeypatch.setattr(collector.writer.store, "add", down)
    monkeypatch.setattr(collector.writer._spool, "_bound", 0)
    reply = client.post("/v1/events", json={"events": [CLICK]})
    assert reply.status_code == 503
    assert "report them again" in reply.json()["detail"]
    # Rankings go on.
    assert client.get("/v1/recommendations/reader-7").status_code == 200
