"""Rankings for whoever has no history but that of a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from shop import Shop, always, serving

from apps.recommender.server import build_app
from apps.recommender.sessions.memory import ShownInSessions


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(build_app(always(Shop()))) as address, httpx.Client(base_url=address) as made:
        yield made


def _ranked(client: httpx.Client, **body: Any) -> list[str]:
    reply = client.post("/v1/recommendations", json={"events": [], **body})
    assert reply.status_code == 200, reply.text
    return [one["item_id"] for one in reply.json()["items"]]


def test_what_was_just_seen_needs_no_user_and_no_time(client: httpx.Client) -> None:
    events = [
        {"item_id": "item-4", "behavior": "view"},
        {"item_id": "not there"},
        {"item_id": "item-0", "behavior": "加购"},
    ]
    reply = client.post("/v1/recommendations", json={"events": events, "k": 2}).json()
    assert [one["item_id"] for one in reply["items"]] == ["item-1", "item-2"]
    assert reply["items"][0]["reasons"][0]["item_id"] == "item-0", "the latest is the last"
    assert (reply["user_id"], reply["unknown_items"]) == ("anonymous", ["not there"])


def test_what_a_request_keeps_out_is_not_in_it(client: httpx.Client) -> None:
    out = {"shown": ["item-0", "gone"], "exclude": ["item-1"]}
    assert _ranked(client, k=2, **out) == ["item-2", "item-3"]
    assert _ranked(client, k=3, categories=["小说"]) == ["item-1", "item-3", "item-5"]
    # The fourth has no price, and passes.
    assert _ranked(client, k=9, most_price=10.5) == ["item-0", "item-1", "item-4", "item-6"]


def test_what_was_recommended_to_a_session_comes_again_only_when_all_was(
    client: httpx.Client,
) -> None:
    first = _ranked(client, session_id="s1", k=8)
    assert _ranked(client, session_id="s2", k=8) == first
    second = _ranked(client, session_id="s1", k=5)
    assert not set(first) & set(second)
    assert _ranked(client, session_id="s1", k=5) == first[:5]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"history": [], "events": []}, "events, or history"),
        ({"events": [{"item_id": "item-1", "behavior": "stare"}]}, "events[0].behavior"),
        (
            {"events": [{"item_id": "item-1", "timestamp": "2100-01-01T00:00:00Z"}]},
            "ahead of the clock",
        ),
        ({"events": [], "categories": ["gardens"]}, "did you mean 'garden'?"),
        ({"events": [], "most_price": -1}, "most_price"),
        ({"events": [], "only_available": False}, "only_available"),
        ({"events": [], "session_id": ""}, "session_id"),
    ],
)
def test_a_wrong_session_says_what_is_wrong(
    client: httpx.Client, body: dict[str, Any], said: str
) -> None:
    reply = client.post("/v1/recommendations", json=body)
    assert reply.status_code == 422
    assert said in reply.text


def test_sessions_are_forgotten_when_they_end_or_are_too_many() -> None:
    now = [0.0]
    shown = ShownInSessions(most_sessions=2, most_shown=3, lasts=60, clock=lambda: now[0])
    shown.add("a", ["1", "2"])
    now[0] = 50
    shown.add("a", ["2", "3", "4"])
    assert shown.of("a") == ["2", "3", "4"], "the latest three"
    shown.add("b", ["9"])
    now[0] = 111
    assert shown.of("a") == []
    for name in "cde":
        shown.add(name, ["1"])
    assert (len(shown), shown.of("c")) == (2, [])
