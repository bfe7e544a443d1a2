"""The server: its routes, its page, and what it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fastapi import FastAPI

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.server import Service, add_answers, add_examples, add_search
from apps.customer_service.conversation.memory import (
    CONVERSATION_SECONDS,
    SPOOL,
    ConversationMemory,
    MemoryMetrics,
)
from apps.customer_service.conversation.server import Conversations, Recognisers
from apps.customer_service.conversation.store import ConversationStore
from apps.customer_service.explaining.server import AnswerExplainer, add_explanations
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.serving.preview import Golden
from apps.customer_service.knowledge.serving.server import Desk, add_knowledge
from apps.customer_service.knowledge.serving.watching import FileWatch
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.learning.drift import watched
from apps.customer_service.learning.lessons import LESSONS, load_lessons
from apps.customer_service.learning.predictions import APPLICATION
from apps.customer_service.learning.server import add_feedback, keep
from apps.customer_service.release import load_release
from apps.customer_service.rules.schema import AnswerRules
from apps.customer_service.schema import FIGURES
from common.learning.behind import KEEP_SECONDS
from common.releases.registry import Registry
from common.rules.live import LiveRules, RuleMetrics
from common.serving.api_keys import ApiKeys
from common.serving.app import create_app
from common.serving.cpus import available_cpus
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.feedback import add_feedback_routes, collect_feedback
from common.serving.learning.process import learning_process
from common.serving.learning.releases import add_releases, watch_probation
from common.serving.learning.schedule import Schedule
from common.serving.telemetry import Telemetry
from common.storage.database import DATABASE

WEB = Path(__file__).parent / "web"
MAX_BODY_BYTES = 256 * 1024


def build_app(
    registry: Registry,
    *,
    device: str = "auto",
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
    database: str | Path | None = None,
    trusted_keys: Collection[str] = (),
    keep_seconds: float = KEEP_SECONDS,
    conversation_seconds: float = CONVERSATION_SECONDS,
    schedule: Schedule | None = None,
    watch: Path | None = None,
    rules: LiveRules[AnswerRules] | None = None,
) -> FastAPI:
    """The customer-service server over the promoted release.

    Args:
        database: where predictions and feedback are kept; None: in the store.
        trusted_keys: names of keys whose corrections count alone.
        keep_seconds: how long predictions are kept, and feedback that is done with.
        conversation_seconds: how long a conversation is remembered; 0: not at all.
        schedule: when to learn, and promote what passes the gate; None: never.
        watch: a table of FAQs, or a folder of them, that the live knowledge follows.
        rules: what the business decides itself.

    Raises:
        UserError: there is no release, or it is damaged.
    """
    torch.set_num_threads(available_cpus())
    place = database or registry.root.parent / DATABASE
    collector = collect_feedback(
        registry,
        APPLICATION,
        database=place,
        keep_seconds=keep_seconds,
        trusted_keys=trusted_keys,
        has_keys=api_keys is not None,
        learner=learning_process(registry, APPLICATION, place, schedule),
    )
    probation = watch_probation(registry, collector.store.outcomes)
    recognisers = Recognisers(registry.root)
    live = LiveKnowledge(
        registry,
        lambda release: recognisers.prepare(release, load_release(release, device=device)),
        KnowledgeStore(collector.store.database),
    )
    file = FileWatch(live, watch) if watch else None
    service = Service(live)
    turns = ConversationStore(collector.store.database)
    memory = ConversationMemory(turns, registry.root / SPOOL, conversation_seconds)
    conversations = Conversations(service, recognisers, memory, collector.speakers, rules)
    drift = DriftMonitor(
        live,
        partial(watched, registry, collector.store),
        collector.drifted,
        of="questions",
        root=registry.root,
    )
    telemetry = Telemetry()
    telemetry.registry.register(DriftMetrics(drift))
    telemetry.registry.register(MemoryMetrics(memory))
    if rules:
        telemetry.registry.register(RuleMetrics(rules))
    telemetry.watch("questions", service.batcher)
    explainer = AnswerExplainer(live)
    telemetry.watch("explanations", explainer.batcher)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        if file:
            await asyncio.to_thread(file.start)
        collector.start()
        memory.writer.start()
        probation.start()
        drift.periodic.start()
        yield
        await service.batcher.drain()
        await explainer.batcher.drain()
        for beside in (probation, drift.periodic):
            await asyncio.to_thread(beside.stop)
        if file:
            await asyncio.to_thread(file.stop)
        live.stop()
        await asyncio.to_thread(memory.writer.stop)
        await asyncio.to_thread(collector.stop)

    app = create_app(
        title="bizlm customer service",
        version="1",
        description="Answers customers' questions from a business's own FAQs.",
        is_ready=lambda: _is_ready(live, file, rules),
        lifespan=lifespan,
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
    )
    add_answers(app, conversations.reply, partial(keep, collector))
    add_feedback(app, live, collector)
    add_feedback_routes(app, collector, telemetry)
    add_releases(app, registry, collector.speakers, FIGURES, drift)
    add_knowledge(app, Desk(live, collector.speakers, partial(_golden, registry), file))
    add_explanations(app, collector, explainer)
    add_search(app, service)
    add_examples(app, service)
    return app


def _golden(registry: Registry, answerer: Answerer) -> Golden:
    """The questions that a release is measured on; none for one that does not hold them."""
    release = registry.open(answerer.release_id)
    if not (release.directory / LESSONS).exists():
        return Golden([])
    lessons, read_before = load_lessons(release)
    return Golden(lessons.golden, read_before)


def _is_ready(
    live: LiveKnowledge, file: FileWatch | None, rules: LiveRules[AnswerRules] | None
) -> tuple[bool, dict[str, Any]]:
    reasons = {"release_id": live.release_id}
    if live.refused:
        reasons["refused_release"] = live.refused
    if file and file.trouble:
        reasons["knowledge"] = file.trouble
    if rules and rules.refused:
        reasons["refused_rules"] = rules.refused
    return True, reasons
