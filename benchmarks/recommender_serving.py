"""How long a session waits for its ranking: `POST /v1/recommendations` over 100,000 items.

python -m benchmarks.recommender_serving --store var [--items 100000] [--requests 500] [--profile]

The towers, the trees and the probabilities are those of the release that serves in the store; items
and their vectors are drawn around a thousand centres, which item speaks for which at random, 200
each, and events are drawn with popularity like 1 / rank. What is measured is the whole way over
HTTP on this machine, one request at a time, each with three events of a session of its own.
"""

from __future__ import annotations

import cProfile
import pstats
import threading
import time
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import uvicorn
from scipy import sparse

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed
from apps.recommender.interactions.counting import EventCounting
from apps.recommender.interactions.events import sorted_events
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.features import OF_USER
from apps.recommender.ranking.signals import FEATURES
from apps.recommender.release import Model, load_release
from apps.recommender.retrieval.neighbours import Neighbours
from apps.recommender.retrieval.quantised import QuantisedSearch
from apps.recommender.schema import Item
from apps.recommender.server import build_app
from apps.recommender.service import RankingService
from benchmarks.harness import parser, report
from common.releases.registry import Registry
from common.serving.switching.live import LiveRelease

CENTRES, CATEGORIES, USERS, EVENTS, NEAREST = 1000, 40, 50_000, 1_000_000, 200
DAYS, IN_SESSION, K, WARM = 120, 3, 10, 20
AIM_MS = 30.0


def prepare_shop(model: Model, items: int, seed: int) -> Prepared:
    """A shop of so many items."""
    random = np.random.default_rng(seed)
    width = model.towers.items.projection.weight.shape[0]
    centre = random.integers(CENTRES, size=items)
    vectors = random.standard_normal((CENTRES, width), np.float32)[centre]
    vectors += 0.7 * random.standard_normal((items, width), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalogue = build_catalogue(
        [
            Item(
                item_id=f"item-{n}",
                title=f"Item number {n}",
                category=f"category {centre[n] % CATEGORIES}",
                tags=[f"tag {centre[n]}", f"kind {n % 97}"],
                price=float(n % 200),
            )
            for n in range(items)
        ]
    )
    now = int(time.time())
    popular = 1 / np.arange(1, items + 1)
    events = sorted_events(
        random.integers(USERS, size=EVENTS).astype(np.int32),
        random.choice(items, EVENTS, p=popular / popular.sum()).astype(np.int32),
        random.choice(5, EVENTS, p=[0.5, 0.35, 0.03, 0.02, 0.1]).astype(np.int8),
        now - random.integers(DAYS * 86_400, size=EVENTS),
        np.ones(EVENTS, np.float32),
        users=USERS,
    )
    columns = model.features[len(FEATURES) :]
    return Prepared(
        catalogue=catalogue,
        items=vectors,
        user_ids=[f"user-{n}" for n in range(USERS)],
        languages=[None] * USERS,
        events=events,
        features=UserFeatures(
            [name.removeprefix(OF_USER) for name in columns],
            np.full((USERS, len(columns)), np.nan, np.float32),
        ),
        allowed=Allowed(np.ones(items, np.bool_), {}),
        neighbours=Neighbours(_links(random, items), 20.0, _links(random, items)),
        as_of=now,
        quantised=QuantisedSearch(vectors),
        snapshot=EventCounting(events, items).snapshot(now),
    )


def _links(random: np.random.Generator, items: int) -> Any:
    """CSR [items, items], so many weights a row."""
    nearest = min(NEAREST, items)
    values = random.random(items * nearest, np.float32)
    columns = random.integers(items, size=items * nearest, dtype=np.int32)
    offsets = np.arange(items + 1, dtype=np.int64) * nearest
    return sparse.csr_matrix((values, columns, offsets), (items, items))


class Shelf:
    """The one release there is."""

    def __init__(self, release: Any) -> None:
        self._release = release

    def current_id(self) -> str:
        """Its id."""
        return str(self._release.release_id)

    def open(self, release_id: str | None = None) -> Any:
        """It."""
        return self._release


def start_server(service: RankingService, release: Any) -> tuple[uvicorn.Server, int]:
    """Serve on a free port."""
    live: Any = LiveRelease(cast(Registry, Shelf(release)), lambda _: service)
    config = uvicorn.Config(build_app(live), port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return server, int(server.servers[0].sockets[0].getsockname()[1])


def bodies(items: int, requests: int, seed: int) -> list[dict[str, Any]]:
    """A session each, of which what was seen is near in the catalogue."""
    random = np.random.default_rng(seed)
    seen = random.integers(items, size=(requests, IN_SESSION))
    return [
        {
            "session_id": f"session-{n}",
            "events": [{"item_id": f"item-{item}", "behavior": "view"} for item in row],
            "k": K,
        }
        for n, row in enumerate(seen.tolist())
    ]


def main() -> None:
    """Measure, print, keep."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--items", type=int, default=100_000)
    arguments.add_argument("--requests", type=int, default=500)
    arguments.add_argument("--profile", action="store_true", help="where the time goes")
    chosen = arguments.parse_args()
    release = Registry(chosen.store, "recommender").open()
    model = load_release(release)
    prepared = prepare_shop(model, chosen.items, chosen.seed)
    service = RankingService(model.pipeline(prepared), model.model_id)
    asked = bodies(chosen.items, WARM + chosen.requests, chosen.seed)
    server, port = start_server(service, release)
    seconds, related = [], []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for body in asked:
            began = time.perf_counter()
            reply = client.post("/v1/recommendations", json=body)
            seconds.append(time.perf_counter() - began)
            assert len(reply.json()["items"]) == K, reply.text
        for kind in ("similar", "together"):
            for body in asked[: WARM + 100]:
                began = time.perf_counter()
                item = body["events"][0]["item_id"]
                client.get(f"/v1/items/{item}/similar", params={"kind": kind})
                related.append(time.perf_counter() - began)
    server.should_exit = True
    if chosen.profile:
        _profile(service, chosen.items)
    p50, p95, p99 = np.percentile(np.array(seconds[WARM:]) * 1000, [50, 95, 99])
    half = len(related) // 2
    parts = {"similar": related[WARM:half], "together": related[half + WARM :]}
    metrics: dict[str, Any] = {
        "items": chosen.items,
        "requests": chosen.requests,
        "events in a session": IN_SESSION,
        "k": K,
        "session, p50 ms": p50,
        "session, p95 ms": p95,
        "session, p99 ms": p99,
        "aim, p95 ms": AIM_MS,
        **{
            f"{kind}, p95 ms": float(np.percentile(np.array(times) * 1000, 95))
            for kind, times in parts.items()
        },
    }
    report("recommender_serving", metrics)


def _profile(service: RankingService, items: int) -> None:
    """What a ranking spends its time on, without HTTP."""
    from apps.recommender.sessions.request import RankingRequest, past_of

    asked = [RankingRequest.model_validate(body) for body in bodies(items, 100, 1)]
    pasts = [past_of(one, service.catalogue, service.behaviors)[0] for one in asked]
    profile = cProfile.Profile()
    profile.enable()
    for past in pasts:
        service.recommend_for(past, K)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
