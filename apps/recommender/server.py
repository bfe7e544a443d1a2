"""HTTP routes: users, their histories and rankings, and the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.catalogue.stock import LiveStock
from apps.recommender.experiments.assignment import Arms
from apps.recommender.experiments.server import add_experiment
from apps.recommender.explaining.server import ItemExplainer, add_explanations
from apps.recommender.exploration.thompson import ThompsonSampling
from apps.recommender.learning.server import APPLICATION, EventCollector, add_events
from apps.recommender.lists.rules import Rules
from apps.recommender.related.server import add_related
from apps.recommender.schema import (
    FIGURES,
    MOST_EVENTS,
    Done,
    History,
    Interaction,
    Ranking,
    Users,
)
from apps.recommender.sessions.asked import Asked, Recommender, Session, facts_of, rank
from apps.recommender.sessions.memory import Shown, ShownInSessions
from apps.recommender.sessions.request import (
    RankingRequest,
    Wanted,
    adds_to_known,
    barred_by,
    past_of,
    subject_of,
)
from common.rules.live import LiveRules, RuleMetrics
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.beside import Beside, running_beside, watching
from common.serving.disconnect import until_disconnected
from common.serving.keys.live import ApiKeys
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.releases import add_releases
from common.serving.switching.live import LiveRelease
from common.serving.telemetry import Telemetry
from common.storage.audit_log import KEEP_SECONDS as KEEP_AUDIT_SECONDS
from common.storage.audit_log import AuditLog

WEB = Path(__file__).parent / "web"
MAX_BODY_BYTES = 1024 * 1024
QUEUE_BOUND = 64
MOST_USERS = 100


def build_app(
    live: LiveRelease[Recommender],
    *,
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
    collector: EventCollector | None = None,
    drift: DriftMonitor[Any] | None = None,
    rules: LiveRules[Rules] | None = None,
    stock: LiveStock | None = None,
    explainer: ItemExplainer | None = None,
    keep_audit_seconds: float = KEEP_AUDIT_SECONDS,
    shown: Shown | None = None,
    thompson: ThompsonSampling | None = None,
    arms: Arms[Recommender] | None = None,
) -> FastAPI:
    """The recommender's server: one user at a time, over the release that serves and its data.

    Args:
        collector: takes what was shown and done, if anything does.
        drift: watches what is done, if anything does.
        rules: what is ranked by, beside the release.
        stock: what is to be had, if the shop says so in a file of its own.
        explainer: says why an item suits a user, if anything does.
        keep_audit_seconds: how long it is kept who changed what.
        shown: what was recommended to each session; None: known to this process alone.
        thompson: what chance favours, if it does not take all items alike.
        arms: `live` beside another release, if two are compared.
    """
    arms = arms or Arms(live)
    telemetry = Telemetry()
    batcher: Batcher[Asked, Ranking] = Batcher(
        lambda asked: [rank(one) for one in asked],
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

    beside: list[Beside] = [*watching(rules), live]
    if drift:
        beside.insert(0, drift.periodic)
    if stock:
        beside.append(stock)
    if thompson:
        beside.append(thompson)
    if collector:
        beside.append(collector)
    queues: list[Batcher[Any, Any]] = [batcher, *([explainer.batcher] if explainer else [])]
    audit = None
    if collector:
        database = collector.writer.store.database
        audit = AuditLog(database, APPLICATION, keep_seconds=keep_audit_seconds)
    app = create_app(
        title="bizlm recommender",
        version="1",
        description="Ranks what a user may want next, from what they read and did.",
        is_ready=lambda: _is_ready(live, rules, stock),
        lifespan=running_beside(beside, queues),
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
        audit=audit,
    )
    _add_users(app, live)
    _add_rankings(app, arms, batcher, ShownInSessions() if shown is None else shown)
    add_related(app, live)
    add_experiment(app, arms, collector.writer.store if collector else None)
    if explainer:
        add_explanations(app, explainer)
    if collector:
        add_events(app, live, collector, telemetry, lambda user: arms.of(user).release_id)
        add_releases(app, collector.registry, collector.speakers, FIGURES, drift)
    return app


def _is_ready(
    live: LiveRelease[Recommender], rules: LiveRules[Rules] | None, stock: LiveStock | None
) -> tuple[bool, dict[str, Any]]:
    reasons = {"model_id": live.current.model_id}
    if live.refused:
        reasons["refused_release"] = live.refused
    if rules and rules.refused:
        reasons["refused_rules"] = rules.refused
    if stock and stock.refused:
        reasons["refused_stock"] = stock.refused
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
    app: FastAPI,
    arms: Arms[Recommender],
    batcher: Batcher[Asked, Ranking],
    shown: Shown,
) -> None:
    @app.get("/v1/recommendations/{user_id:path}", tags=["rankings"], summary="A user's ranking")
    async def ranking(
        request: Request,
        user_id: str,
        wanted: Annotated[Wanted, Query()],
    ) -> Ranking:
        recommender = arms.of(user_id).current
        await asyncio.to_thread(_check_known, user_id, recommender)
        asked = _asked(recommender, user_id, wanted, shown, is_known=True)
        return await until_disconnected(request, batcher.submit(asked))

    @app.post("/v1/recommendations", tags=["rankings"], summary="The ranking of a session")
    async def ranking_of_session(asked: RankingRequest, request: Request) -> Ranking:
        recommender = arms.of(subject_of(asked)).current
        try:
            done, unknown = past_of(asked, recommender.catalogue, recommender.behaviors)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        is_known = await asyncio.to_thread(adds_to_known, asked, recommender.knows)
        wanted = _asked(recommender, asked.user_id, asked, shown, done, unknown, is_known=is_known)
        return await until_disconnected(request, batcher.submit(wanted))


def _asked(
    recommender: Recommender,
    user_id: str,
    wanted: Wanted,
    shown: Shown,
    done: Sequence[Interaction] = (),
    unknown_items: Sequence[str] = (),
    *,
    is_known: bool,
) -> Asked:
    try:
        barred = barred_by(wanted, recommender.catalogue)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return Asked(
        recommender,
        user_id,
        is_known,
        done,
        wanted.k,
        wanted.diversity,
        wanted.language,
        barred,
        Session(wanted.session_id, shown) if wanted.session_id else None,
        unknown_items,
    )


def _check_known(user_id: str, recommender: Recommender) -> None:
    if not recommender.knows(user_id):
        raise HTTPException(404, f"There is no user {user_id!r}.")


def _done(catalogue: Catalogue, event: Interaction) -> Done:
    return Done(
        item_id=event.item_id,
        behavior=event.behavior,
        timestamp=event.timestamp,
        rating=event.rating,
        **facts_of(catalogue, event.item_id),
    )
