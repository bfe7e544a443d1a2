from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from shop import HOSTILE, MODEL, NOW, TITLES, Shop, always, serving

from apps.recommender.server import build_app


@pytest.fixture(scope="module")
def opened_shop() -> Iterator[tuple[Shop, httpx.Client]]:
    shop = Shop()
    with serving(build_app(always(shop))) as address, httpx.Client(base_url=address) as made:
        yield shop, made


@pytest.fixture
def shop(opened_shop: tuple[Shop, httpx.Client]) -> Shop:
    shop, _ = opened_shop
    shop.broken = False
    shop.asked.clear()
    return shop


@pytest.fixture
def client(opened_shop: tuple[Shop, httpx.Client]) -> httpx.Client:
    return opened_shop[1]


def test_users_are_found_by_their_ids(client: httpx.Client, shop: Shop) -> None:
    everybody = client.get("/v1/users", params={"limit": 5}).json()
    assert everybody["total"] == len(shop.users)
    assert len(set(everybody["users"]) & set(shop.users)) == 5

    def found(query: str) -> list[str]:
        return client.get("/v1/users", params={"query": query}).json()["users"]

    assert found("READER-2") == ["reader-2", *(f"reader-{n}" for n in range(20, 30))]
    assert found("comer") == ["newcomer"]
    assert found("读者") == ["读者/一"]
    assert found("nobody") == []


def test_a_history_has_the_latest_first(client: httpx.Client) -> None:
    history = client.get("/v1/users/reader-7/history").json()
    assert history["total"] == 4
    assert [event["item_id"] for event in history["events"]] == [
        "item-2", "item-1", "item-0", "sold-out",
    ]  # fmt: skip
    assert history["events"][2] == {
        "item_id": "item-0",
        "title": TITLES[0],
        "category": "garden",
        "price": 10.0,
        "behavior": "browse",
        "timestamp": "2026-03-10T08:00:00Z",
        "rating": 4.0,
    }
    assert history["events"][3]["title"] is None
    shortened = client.get("/v1/users/reader-7/history", params={"limit": 1}).json()
    assert (shortened["total"], len(shortened["events"])) == (4, 1)


def test_a_ranking_has_what_the_page_shows(client: httpx.Client, shop: Shop) -> None:
    ranking = client.get("/v1/recommendations/reader-7", params={"k": 3}).json()
    assert (ranking["user_id"], ranking["model_id"]) == ("reader-7", MODEL)
    assert ranking["diversity"] == ranking["tuned_diversity"] == shop.diversity
    assert [one["rank"] for one in ranking["items"]] == [1, 2, 3]
    first, second = ranking["items"][:2]
    assert (first["title"], first["category"], first["price"]) == (TITLES[3], "小说", 11.5)
    assert second["price"] is None
    assert first["reasons"][0]["item_id"] == "item-2"
    chosen = client.get(
        "/v1/recommendations/reader-7", params={"diversity": 0.9, "language": "zh"}
    ).json()
    assert chosen["diversity"] == 0.9
    assert shop.asked == [(None, None), (0.9, "zh")]


@pytest.mark.parametrize("user", ["读者/一", HOSTILE])
def test_any_id_can_be_asked_for(client: httpx.Client, user: str) -> None:
    address = quote(user, safe="")
    assert client.get(f"/v1/users/{address}/history").json()["user_id"] == user
    assert client.get(f"/v1/recommendations/{address}").json()["user_id"] == user


def _event(item_id: str, days: int = 0) -> dict[str, Any]:
    day = NOW.replace(day=10 + days)
    return {"item_id": item_id, "behavior": "click", "timestamp": day.isoformat()}


def test_a_history_given_is_ranked_for(client: httpx.Client) -> None:
    body = {"history": [_event("item-5", 2), _event("item-0", 1)], "k": 2}
    ranking = client.post("/v1/recommendations", json=body).json()
    assert ranking["user_id"] == "anonymous"
    assert [one["item_id"] for one in ranking["items"]] == ["item-1", "item-2"]
    assert ranking["items"][0]["reasons"][0]["item_id"] == "item-5", "the latest, by time"
    nothing = client.post("/v1/recommendations", json={"history": []}).json()
    assert all(one["cold_user"] for one in nothing["items"])


def test_what_goes_with_an_item_has_what_the_page_shows(client: httpx.Client) -> None:
    found = client.get("/v1/items/item-1/similar", params={"k": 2, "language": "zh"}).json()
    assert (found["item_id"], found["kind"], found["model_id"]) == ("item-1", "similar", MODEL)
    first, second = found["items"]
    assert (first["title"], first["relation"], first["score"]) == (TITLES[2], "successor", None)
    assert (second["category"], second["price"]) == ("小说", 11.5)
    assert second["reason"] == "内容相近。"
    together = client.get("/v1/items/item-1/similar", params={"kind": "together"})
    assert together.json()["items"] == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/users/nobody/history", None, 404),
        (
            "/v1/recommendations",
            {"history": [{"item_id": "item-0", "timestamp": "2100-01-01T00:00:00Z"}]},
            422,
        ),
        ("/v1/recommendations/nobody", None, 404),
        ("/v1/items/unknown/similar", None, 404),
        ("/v1/items/item-1/similar?kind=near", None, 422),
        ("/v1/items/item-1/similar?k=0", None, 422),
        ("/v1/recommendations/reader-1?k=0", None, 422),
        ("/v1/recommendations/reader-1?k=101", None, 422),
        ("/v1/recommendations/reader-1?diversity=1.5", None, 422),
        ("/v1/recommendations/reader-1?diversity=nan", None, 422),
        ("/v1/recommendations/reader-1?language=fr", None, 422),
        ("/v1/users?limit=0", None, 422),
        ("/v1/recommendations", {}, 422),
        ("/v1/recommendations", {"history": [_event("unknown")]}, 422),
        ("/v1/recommendations", {"history": [_event("item-1")] * 1001}, 422),
        ("/v1/recommendations", {"history": [{"item_id": "item-1"}]}, 422),
        ("/v1/recommendations", {"history": [], "unknown": 1}, 422),
        ("/v1/recommendations", {"history": [_event("\ud800")]}, 422),
    ],
)
def test_wrong_requests_are_problems(
    client: httpx.Client, path: str, body: dict[str, Any] | None, status: int
) -> None:
    headers = {"content-type": "application/json"}
    reply = (
        client.get(path)
        if body is None
        else client.post(path, content=json.dumps(body), headers=headers)
    )
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["title"]


def test_what_the_recommender_refuses_is_told(client: httpx.Client, shop: Shop) -> None:
    shop.broken = True
    reply = client.get("/v1/recommendations/reader-1")
    assert reply.status_code == 422
    assert reply.json()["detail"] == "the shop is closed"
    shop.broken = False


def test_page_health_and_metrics(client: httpx.Client) -> None:
    assert "<title>" in client.get("/").text
    for name in ("recommender.js", "lists.js", "style.css", "icon.svg", "shared/page.css"):
        assert client.get(f"/web/{name}").status_code == 200
    assert client.get("/healthz").json() == {"status": "alive", "server": "bizlm recommender"}
    assert client.get("/readyz").json()["reasons"] == {"model_id": MODEL}
    client.get("/v1/recommendations/reader-1")
    metrics = client.get("/metrics").text
    assert 'route="/v1/recommendations/{user_id' in metrics, "the route, and no user's id"
    assert "reader-1" not in metrics
    assert 'bizlm_queue_length{queue="rankings"} 0.0' in metrics
    assert "/v1/recommendations" in client.get("/openapi.json").json()["paths"]
