"""The server: its routes, its page, and what it keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client.registry import Collector

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.server import Service, add_answers, add_examples, add_search
from apps.customer_service.conversation.memory import (
    CONVERSATION_SECONDS,
    SPOOL,
    ConversationMemory,
    MemoryMetrics,
)
from apps.customer_service.conversation.replies import Replies
from apps.customer_service.conversation.server import Conversations, Recognisers
from apps.customer_service.conversation.store import ConversationStore
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.reading import read_documents
from apps.customer_service.documents.release import with_documents
from apps.customer_service.documents.watching import DocumentWatch
from apps.customer_service.eight_bit.loading import load_to_serve
from apps.customer_service.explaining.server import AnswerExplainer, add_explanations
from apps.customer_service.gaps.server import GapFinder, add_gaps
from apps.customer_service.generation.options import Generation
from apps.customer_service.generation.rewriting import Rewriting
from apps.customer_service.generation.writing import Writers
from apps.customer_service.graph.telling import Facts
from apps.customer_service.knowledge.reading import kept_reader
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.serving.server import Desk, add_knowledge
from apps.customer_service.knowledge.serving.watching import FileWatch
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.learning.drift import watched
from apps.customer_service.learning.predictions import APPLICATION
from apps.customer_service.learning.server import add_feedback, keep
from apps.customer_service.pictures.server import (
    MOST_BODY_BYTES,
    PATH,
    add_pictures,
    pictures_batcher,
)
from apps.customer_service.release import golden_of
from apps.customer_service.rules.schema import AnswerRules
from apps.customer_service.schema import FIGURES
from apps.customer_service.tickets.customer_server import HandingOver, add_customer_routes
from apps.customer_service.tickets.desk import TicketDesk
from apps.customer_service.tickets.metrics import TicketMetrics
from apps.customer_service.tickets.options import AT_ANY_TIME, TicketOptions
from apps.customer_service.tickets.server import add_tickets
from apps.customer_service.widget.server import add_widget
from common.learning.behind import KEEP_SECONDS
from common.models.devices import ServingPrecision
from common.records.pictures.reading import PictureReader
from common.releases.registry import Registry
from common.releases.release import Release
from common.rules.live import LiveRules, RuleMetrics
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.beside import Beside, running_beside, watching
from common.serving.cpus import available_cpus
from common.serving.keys.live import ApiKeys
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.feedback import add_feedback_routes, collect_feedback
from common.serving.learning.process import learning_process
from common.serving.learning.releases import add_releases, watch_probation
from common.serving.learning.schedule import Schedule
from common.serving.telemetry import Telemetry
from common.serving.visitors import Visitors
from common.storage.audit_log import KEEP_SECONDS as KEEP_AUDIT_SECONDS
from common.storage.audit_log import AuditLog
from common.storage.database import DATABASE
from common.storage.visits import Visits

WEB = Path(__file__).parent / "web"
MAX_BODY_BYTES = 256 * 1024


def build_app(
    registry: Registry,
    *,
    device: str = "auto",
    precision: ServingPrecision = "auto",
    threads: int | None = None,
    api_keys: ApiKeys | None = None,
    known_hosts: frozenset[str] | None = None,
    database: str | Path | None = None,
    trusted_keys: Collection[str] = (),
    keep_seconds: float = KEEP_SECONDS,
    keep_audit_seconds: float = KEEP_AUDIT_SECONDS,
    conversation_seconds: float = CONVERSATION_SECONDS,
    schedule: Schedule | None = None,
    watch: Path | None = None,
    watch_mapping: Mapping[str, str] | None = None,
    documents: Sequence[Path] = (),
    watch_documents: Sequence[Path] = (),
    rules: LiveRules[AnswerRules] | None = None,
    facts: Facts | None = None,
    replies: Replies | None = None,
    visitors: Visitors | None = None,
    tickets: TicketOptions | None = AT_ANY_TIME,
    generation: Generation | None = None,
    pictures: PictureReader | None = None,
) -> FastAPI:
    """The customer-service server over the promoted release.

    Args:
        threads: that the model computes on; None: as many as there are processors.
        precision: `int8` answers in 8 bits, where the release does so alike; else full precision.
        database: where predictions and feedback are kept; None: in the store.
        trusted_keys: names of keys whose corrections count alone.
        keep_seconds: how long predictions are kept, and feedback that is done with.
        keep_audit_seconds: how long it is kept who changed what.
        conversation_seconds: how long a conversation is remembered; 0: not at all.
        schedule: when to learn, and promote what passes the gate; None: never.
        watch: a table of FAQs, or a folder of them, that the live knowledge follows.
        watch_mapping: our field → the column of `watch`.
        documents: files and folders to quote from, in place of those of the release.
        watch_documents: the same, and what changes in them is quoted at once.
        rules: what the business decides itself.
        facts: answer what they hold.
        replies: what is said where no FAQ speaks; None: what comes with the package.
        visitors: of other sites that show the chat; None: no other site may.
        tickets: how people take over; None: nobody is told of a handover.
        generation: how replies of several passages come about; None: by the generator of the
            release that serves, if it has one.
        pictures: reads what is written in one; None: a question is typed.

    Raises:
        UserError: there is no release, or it is damaged.
    """
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
    audit = AuditLog(collector.store.database, APPLICATION, keep_seconds=keep_audit_seconds)
    probation = watch_probation(registry, collector.store.outcomes, audit)
    recognisers, writers = Recognisers(registry.root), Writers(generation, device)

    pages = DocumentWatch(lambda: live, watch_documents) if watch_documents else None

    def load(release: Release) -> Answerer:
        found = load_to_serve(
            registry,
            release,
            device=device,
            precision=precision,
            threads=threads or available_cpus(),
        )
        passages = _passages(pages, documents)
        if passages:
            found = with_documents(found, passages, reader=kept_reader(registry, release, found))
        return writers.prepare(release, recognisers.prepare(release, found))

    live = LiveKnowledge(
        registry,
        load,
        KnowledgeStore(collector.store.database),
    )
    file = FileWatch(live, watch, watch_mapping, facts) if watch else None
    service = Service(live)
    turns = ConversationStore(collector.store.database)
    memory = ConversationMemory(turns, registry.root / SPOOL, conversation_seconds)
    conversations = Conversations(
        service,
        recognisers,
        memory,
        collector.speakers,
        rules,
        composes=writers.composes,
        facts=facts,
        replies=replies,
    )
    rewrite = Rewriting(writers.of, lambda: live.current).begin
    people = (
        TicketDesk(collector.store.database, registry.root, tickets, keep_seconds=keep_seconds)
        if tickets
        else None
    )
    drift = DriftMonitor(
        live,
        partial(watched, registry, collector.store),
        collector.drifted,
        of="questions",
        root=registry.root,
    )
    explainer = AnswerExplainer(live)
    queues: dict[str, Batcher[Any, Any]] = {
        "questions": service.batcher,
        "explanations": explainer.batcher,
    }
    if pictures:
        queues["pictures"] = pictures_batcher(pictures)
    telemetry = _telemetry(
        DriftMetrics(drift),
        MemoryMetrics(memory),
        RuleMetrics(rules) if rules else None,
        TicketMetrics(people) if people else None,
        queues=queues,
    )

    watches = [one for one in (file, pages) if one]
    beside: list[Beside] = [*watching(rules), probation, drift.periodic, *watches, live]
    beside += [*([people] if people else []), memory.writer, collector]
    app = create_app(
        title="bizlm customer service",
        version="1",
        description="Answers customers' questions from a business's own FAQs.",
        is_ready=lambda: _is_ready(live, file, pages, rules),
        lifespan=running_beside(beside, list(queues.values())),
        telemetry=telemetry,
        max_body_bytes=MAX_BODY_BYTES,
        max_body_bytes_by_path={PATH: MOST_BODY_BYTES},
        api_keys=api_keys,
        web=WEB,
        known_hosts=known_hosts,
        visitors=visitors,
        visits=Visits(collector.store.database),
        audit=audit,
    )
    knowledge = Desk(live, collector.speakers, partial(golden_of, registry), file, facts)
    if people:
        handing_over = HandingOver(conversations, collector.speakers, people)
        add_answers(app, handing_over.reply, partial(keep, collector), rewrite)
        add_customer_routes(app, people, collector.speakers)
        add_tickets(app, people, collector, knowledge)
    else:
        add_answers(app, conversations.reply, partial(keep, collector), rewrite)
    add_feedback(app, live, collector)
    add_feedback_routes(app, collector, telemetry)
    add_releases(app, registry, collector.speakers, FIGURES, drift)
    add_knowledge(app, knowledge)
    add_explanations(app, collector, explainer)
    add_gaps(app, GapFinder(conversations, collector.store), collector.speakers)
    add_search(app, service)
    add_examples(app, service, reads_pictures=pictures is not None)
    if pictures:
        add_pictures(app, queues["pictures"])
    if visitors:
        add_widget(app, WEB, visitors)
    return app


def _telemetry(*collectors: Collector | None, queues: Mapping[str, Batcher[Any, Any]]) -> Telemetry:
    telemetry = Telemetry()
    for one in filter(None, collectors):
        telemetry.registry.register(one)
    for name, queue in queues.items():
        telemetry.watch(name, queue)
    return telemetry


def _passages(pages: DocumentWatch | None, documents: Sequence[Path]) -> Sequence[Passage]:
    """What is quoted in place of what a release holds; none: that."""
    if pages is not None:
        return pages.passages
    return read_documents(documents) if documents else []


def _is_ready(
    live: LiveKnowledge,
    file: FileWatch | None,
    pages: DocumentWatch | None,
    rules: LiveRules[AnswerRules] | None,
) -> tuple[bool, dict[str, Any]]:
    reasons = {"release_id": live.release_id}
    if live.refused:
        reasons["refused_release"] = live.refused
    if file and file.trouble:
        reasons["knowledge"] = file.trouble
    if pages and pages.trouble:
        reasons["documents"] = pages.trouble
    if rules and rules.refused:
        reasons["refused_rules"] = rules.refused
    return True, reasons
