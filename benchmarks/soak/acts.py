"""What customers, editors and readers do to the three servers, again and again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos.rounds import Scene
from benchmarks.chaos.stores import COMPANIES, READERS, shop
from tests.finance_monitor.news import BAD, FLAT, GOOD

PERSON = "I want to talk to a person."
QUESTIONS = (
    "How do I change my PIN?",
    "My card is gone",
    "And abroad?",
    "Is there snow on the sun?",
    "What does a transfer cost?",
)
# Stories that the feed gets at a time.
STORIES = 4

# One act: what it is called, and the requests of it, each seen by its status.
Act = tuple[str, Callable[[httpx.Client, random.Random, int], Iterator[httpx.Response]]]


@dataclass(frozen=True)
class Load:
    """One server and what is done to it.

    Attributes:
        options: of `serve`, beside its store.
        acts: each is done as often as the others.
        per_second: acts, as long as the server keeps up.
    """

    application: str
    options: Callable[[Scene, Path], Sequence[object]]
    acts: Sequence[Act]
    per_second: float


def _ask(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    first = client.post("/v1/answers", json={"question": rng.choice(QUESTIONS)})
    yield first
    body = {"question": rng.choice(QUESTIONS), "conversation_id": first.json()["conversation_id"]}
    yield client.post("/v1/answers", json=body)


def _correct(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    asked = client.post("/v1/answers", json={"question": rng.choice(QUESTIONS)})
    yield asked
    body = {"answer_id": asked.json()["id"], "verdict": rng.choice(("good", "bad"))}
    yield client.post("/v1/feedback", json=body)


def _edit(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    words = " ".join(rng.sample(("parcel", "puppy", "garden", "kettle", "balcony", "violin"), 3))
    faq = {"question": f"Is my {words} insured?", "answer": "Yes, at home."}
    made = client.post("/v1/faqs", json={**faq, "id": f"soak-{number}"})
    yield made
    version = made.json()["rows"][0]["version"]
    changed = {**faq, "answer": f"Yes, at home and at number {number}.", "version": version}
    edited = client.put(f"/v1/faqs/soak-{number}", json={**changed})
    yield edited
    version = edited.json()["rows"][0]["version"]
    yield client.delete(f"/v1/faqs/soak-{number}", params={"version": version})


def _hand_over(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    asked = client.post("/v1/answers", json={"question": PERSON})
    yield asked
    ticket = asked.json()["ticket"]["id"]
    yield client.get(f"/v1/tickets/{ticket}")
    yield client.post(f"/v1/tickets/{ticket}/replies", json={"text": "Hello.", "author": "Ann"})
    yield client.post(f"/v1/tickets/{ticket}/close", json={})


def _look(*paths: str) -> Callable[..., Iterator[httpx.Response]]:
    def look(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
        for path in paths:
            yield client.get(path)

    return look


def _score(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    yield client.post("/v1/score", json={"records": [story(rng, number)]})


def story(rng: random.Random, number: int) -> dict[str, Any]:
    """News that came in just now."""
    text = f"{rng.choice(COMPANIES)} {rng.choice(BAD + GOOD + FLAT + FLAT)}, says report {number}"
    return {
        "id": f"s{number}",
        "published_at": datetime.now(UTC).isoformat(),
        "text": text,
    }


class Feed:
    """A file that the monitor follows, which grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count()
        path.touch()

    def grow(self, rng: random.Random) -> None:
        """Write some stories."""
        lines = [json.dumps(story(rng, next(self._numbers))) + "\n" for _ in range(STORIES)]
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def feed_of(place: Path) -> Path:
    """Where it lies."""
    return place / "feed.jsonl"


def _read_feed(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    yield client.get("/v1/trends", params={"hours": 24})
    yield client.get("/v1/alerts")
    yield client.get("/v1/stories", params={"limit": 20})


def _user(rng: random.Random) -> str:
    return f"user-{rng.randrange(1, READERS + 1):03}"


def _rank(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    yield client.get(f"/v1/recommendations/{_user(rng)}")


def _report(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    user = _user(rng)
    ranked = client.get(f"/v1/recommendations/{user}")
    yield ranked
    items = [item["item_id"] for item in ranked.json()["items"]]
    taken = {"user_id": user, "item_id": rng.choice(items)} if items else {"user_id": user}
    if items:
        yield client.post("/v1/events", json={"events": [taken]})


def _browse(client: httpx.Client, rng: random.Random, number: int) -> Iterator[httpx.Response]:
    ranked = client.get(f"/v1/recommendations/{_user(rng)}")
    yield ranked
    now = datetime.now(UTC).isoformat()
    history = [{"item_id": row["item_id"], "timestamp": now} for row in ranked.json()["items"][:2]]
    yield client.post("/v1/recommendations", json={"history": history})


LOADS = (
    Load(
        "customer_service",
        lambda scene, place: (),
        (
            ("question", _ask),
            ("correction", _correct),
            ("edit", _edit),
            ("ticket", _hand_over),
            ("page", _look("/", "/v1/faqs", "/v1/tickets", "/v1/gaps", "/metrics")),
        ),
        4.0,
    ),
    Load(
        "finance_monitor",
        lambda scene, place: ("--feed", feed_of(place)),
        (("score", _score), ("read", _read_feed), ("page", _look("/", "/v1/status", "/metrics"))),
        4.0,
    ),
    Load(
        "recommender",
        lambda scene, place: shop(scene.files),
        (
            ("ranking", _rank),
            ("events", _report),
            ("session", _browse),
            ("page", _look("/", "/v1/users", "/metrics")),
        ),
        4.0,
    ),
)
