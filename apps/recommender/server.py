"""HTTP routes: users, their histories and rankings, and the page."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import FastAPI, HTTPException, Query, Request

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.explaining.server import ItemExplainer, add_explanations
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.learning.server import EventCollector, add_events
from apps.recommender.lists.rules import Rules
from apps.recommender.schema import (
    FIGURES,
    MOST_EVENTS,
    Done,
    History,
    Interaction,
    K,
    Language,
    Listed,
    Ranking,
    RankingRequest,
    Recommendation,
    Strength,
    Users,
)
from common.rules.live import LiveRules, RuleMetrics
from common.serving.api_keys import ApiKeys
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.releases import add_releases
from common.serving.live import LiveRelease
from common.serving.telemetry import Telemetry

WEB = Path(__file__).parent / "web"
MAX_BODY_BYTES = 1024 * 1024
QUEUE_BOUND = 64
# A history that lies further ahead of the clock is a mistake.
CLOCK_TOLERANCE = timedelta(days=1)
MOST_USERS = 100


class Recommender(Protocol):
    """A loaded release and the data that it ranks."""

    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    @property
    def users(self) -> UserIds: ...  # noqa: D102
    @property
    def diversity(self) -> float:
        """The strength chosen in training."""

    @property
    def kept_out(self) -> dict[str, int]:
        """How many items each rule keeps out of all lists."""

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""

    def history(self, user_id: str) -> Sequence[Interaction]:
        """What a user did, oldest first."""

    def recommend(
        self, user_id: str, k: int, *, diversity: float | None, language: str | None
    ) -> list[Recommendation]:
        """The ranking of a user, best first; reasons in `language`, or the user's own."""

    def recommend_for(
        self,
        history: Sequence[Interaction],
        k: int,
        *,
        diversity: float | None,
        language: str | None,
    ) -> list[Recommendation]:
        """The ranking of somebody who did what `history` holds, and nothing else."""


@dataclass(frozen=True)
class _Asked:
    """One ranking that is wanted: of a known user, or of a history.

    It is made by the release that served when it was asked for.
    """

    recommender: Recommender
    user_id: str
    history: Sequence[Interaction] | None
    k: int
    diversity: float | None
    language: str | None


def build_app(
    live: LiveRelease[Recommender],
    *,
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
    collector: EventCollector | None = None,
    drift: DriftMonitor[Any] | None = None,
    rules: LiveRules[Rules] | None = None,
    explainer: ItemExplainer | None = None,
) -> FastAPI:
    """The recommender's server: one user at a time, over the release that serves and its data.

    Args:
        collector: takes what was shown and done, if anything does.
        drift: watches what is done, if anything does.
        rules: what is ranked by, beside the release.
        explainer: says why an item suits a user, if anything does.
    """
    telemetry = Telemetry()
    batcher: Batcher[_Asked, Ranking] = Batcher(
        lambda asked: [_rank(one) for one in asked],
        cost=lambda _: 1,
        budget=1,
        queue_bound=QUEUE_BOUND,
    )
    telemetry.watch("rankings", batcher)
    if explainer:
        telemetry.watch("explanations", explainer.batcher)
    if drift:
        telemetry.registry.register(DriftMetrics(drift))
    if rules:
        telemetry.registry.register(RuleMetrics(rules))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        if collector:
            collector.start()
        if drift:
            drift.periodic.start()
        yield
        await batcher.drain()
        if explainer:
            await explainer.batcher.drain()
        if drift:
            await asyncio.to_thread(drift.periodic.stop)
        live.stop()
        if collector:
            await asyncio.to_thread(collector.stop)

    app = create_app(
        title="bizlm recommender",
        version="1",
        description="Ranks what a user may want next, from what they read and did.",
        is_ready=lambda: _is_ready(live, rules),
        lifespan=lifespan,
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
    )
    _add_users(app, live)
    _add_rankings(app, live, batcher)
    if explainer:
        add_explanations(app, explainer)
    if collector:
        add_events(app, live, collector, telemetry)
        add_releases(app, collector.registry, collector.speakers, FIGURES, drift)
    return app


def _is_ready(
    live: LiveRelease[Recommender], rules: LiveRules[Rules] | None
) -> tuple[bool, dict[str, Any]]:
    reasons = {"model_id": live.current.model_id}
    if live.refused:
        reasons["refused_release"] = live.refused
    if rules and rules.refused:
        reasons["refused_rules"] = rules.refused
    return True, reasons


def _add_users(app: FastAPI, live: LiveRelease[Recommender]) -> None:
    @app.get("/v1/users", tags=["users"], summary="Find users by their id, or some of them all")
    def users(query: str = "", limit: Annotated[int, Query(ge=1, le=MOST_USERS)] = 20) -> Users:
        known = live.current.users
        return Users(total=len(known), users=known.find(query, limit))

    @app.get("/v1/users/{user_id:path}/history", tags=["users"], summary="What a user did")
    def history(user_id: str, limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 200) -> History:
        recommender = live.current
        _check_known(user_id, recommender)
        events = recommender.history(user_id)
        latest = list(reversed(events[-limit:]))
        done = [_done(recommender.catalogue, event) for event in latest]
        return History(user_id=user_id, total=len(events), events=done)


def _add_rankings(
    app: FastAPI, live: LiveRelease[Recommender], batcher: Batcher[_Asked, Ranking]
) -> None:
    @app.get("/v1/recommendations/{user_id:path}", tags=["rankings"], summary="A user's ranking")
    async def ranking(
        request: Request,
        user_id: str,
        k: K = 10,
        diversity: Strength | None = None,
        language: Language | None = None,
    ) -> Ranking:
        recommender = live.current
        _check_known(user_id, recommender)
        asked = _Asked(recommender, user_id, None, k, diversity, language)
        return await until_disconnected(request, batcher.submit(asked))

    @app.post("/v1/recommendations", tags=["rankings"], summary="The ranking of a given history")
    async def ranking_of_history(asked: RankingRequest, request: Request) -> Ranking:
        recommender = live.current
        latest = datetime.now(UTC) + CLOCK_TOLERANCE
        for event in asked.history:
            if event.timestamp > latest:
                raise HTTPException(422, f"{event.timestamp.isoformat()} is ahead of the clock.")
            if event.item_id not in recommender.catalogue.number:
                raise HTTPException(422, f"There is no item {event.item_id!r}.")
        history = [
            Interaction(user_id=asked.user_id, **event.model_dump())
            for event in sorted(asked.history, key=lambda event: event.timestamp)
        ]
        wanted = _Asked(
            recommender, asked.user_id, history, asked.k, asked.diversity, asked.language
        )
        return await until_disconnected(request, batcher.submit(wanted))


def _check_known(user_id: str, recommender: Recommender) -> None:
    if not recommender.knows(user_id):
        raise HTTPException(404, f"There is no user {user_id!r}.")


def _rank(asked: _Asked) -> Ranking:
    recommender, k = asked.recommender, asked.k
    diversity, language = asked.diversity, asked.language
    if asked.history is None:
        rows = recommender.recommend(asked.user_id, k, diversity=diversity, language=language)
    else:
        rows = recommender.recommend_for(asked.history, k, diversity=diversity, language=language)
    tuned = recommender.diversity
    return Ranking(
        user_id=asked.user_id,
        model_id=recommender.model_id,
        diversity=tuned if diversity is None else diversity,
        tuned_diversity=tuned,
        kept_out=recommender.kept_out,
        items=[Listed(**vars(row), **_shown(recommender.catalogue, row.item_id)) for row in rows],
    )


def _done(catalogue: Catalogue, event: Interaction) -> Done:
    return Done(
        item_id=event.item_id,
        behavior=event.behavior,
        timestamp=event.timestamp,
        rating=event.rating,
        **_shown(catalogue, event.item_id),
    )


def _shown(catalogue: Catalogue, item_id: str) -> dict[str, Any]:
    number = catalogue.number.get(item_id)
    if number is None:
        return {"title": None, "category": None, "price": None}
    category, price = catalogue.category[number], float(catalogue.price[number])
    return {
        "title": catalogue.titles[number],
        "category": catalogue.categories[category] if category >= 0 else None,
        "price": None if math.isnan(price) else round(price, 2),
    }
