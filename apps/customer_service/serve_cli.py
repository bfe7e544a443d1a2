"""The verb `serve` of customer service."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.customer_service.options_cli import (
    BaseUrl,
    Documents,
    EndpointModel,
    GeneratorName,
    Graph,
    OwnReplies,
)
from common.cli import AllowAddress, Device, ServingPrecision, Store, parse_mapping
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.groups_cli import grouped
from common.learning.options_cli import KEEP_AUDIT, DatabaseUrl, Keep, KeepAudit, LearnWhen, Trust
from common.rules.rules_cli import RulesOption
from common.serving.learning.schedule import parse_schedule
from common.serving.listening_cli import AccessOptions, Port, Workers
from common.serving.switching.following_cli import ReleasesFrom, find_release

verbs = typer.Typer()


@verbs.command()
@grouped
def serve(
    *,
    access: AccessOptions,
    port: Port = 8000,
    allow_address: AllowAddress = None,
    workers: Workers = 1,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    learn: LearnWhen = None,
    trust: Trust = None,
    keep: Keep = "365d",
    keep_audit: KeepAudit = KEEP_AUDIT,
    conversations: Annotated[
        str, typer.Option(help="How long what was said in a conversation is remembered; 0: never.")
    ] = "30m",
    watch: Annotated[
        Path | None,
        typer.Option(
            help="A table of FAQs, or a folder of them, that is the truth: what changes in it is "
            "served at once."
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Of --watch: field=column, for columns with other names."),
    ] = None,
    documents: Documents = None,
    watch_documents: Annotated[
        list[Path] | None,
        typer.Option(
            help="As --documents, and what changes in them is quoted within seconds.", exists=True
        ),
    ] = None,
    rules: RulesOption = None,
    graph: Graph = None,
    replies: OwnReplies = None,
    embed_on: Annotated[
        list[str] | None,
        typer.Option(
            help="A site that may show the chat, as https://shop.example; its visitors need no "
            "key to ask. May be repeated."
        ),
    ] = None,
    visitor_rate: Annotated[
        int,
        typer.Option(min=1, help="How many questions a minute one visitor of it may ask."),
    ] = 30,
    tickets: Annotated[
        bool,
        typer.Option("--tickets/--no-tickets", help="Whether handovers wait on the page Inbox."),
    ] = True,
    hours: Annotated[
        Path | None,
        typer.Option(help="A TOML file with the hours at which somebody is there."),
    ] = None,
    tickets_to: Annotated[
        str | None,
        typer.Option(help="Address of a help desk that is told of each ticket."),
    ] = None,
    tickets_as: Annotated[
        str, typer.Option(help="How it is told: plain, zendesk or chatwoot.")
    ] = "plain",
    generator: GeneratorName = None,
    base_url: BaseUrl = None,
    model: EndpointModel = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="Read screenshots and photographed letters as questions."),
    ] = False,
    database: DatabaseUrl = None,
    releases_from: ReleasesFrom = None,
    store: Store = Path("var"),
) -> None:
    """Answer over HTTP, with a page to chat on."""
    from apps.customer_service.conversation.replies import read_replies
    from apps.customer_service.generation.options import read_generation
    from apps.customer_service.graph.telling import open_facts
    from apps.customer_service.rules.known import known_names
    from apps.customer_service.rules.schema import AnswerRules
    from apps.customer_service.schema import Faq
    from apps.customer_service.widget.visiting import read_visitors
    from common.models.devices import check_serving_precision
    from common.records.pictures.reading import PictureReader
    from common.releases.registry import Registry
    from common.rules.live import LiveRules
    from common.serving.cpus import available_cpus

    check_serving_precision(precision, device)
    registry = Registry(store, "customer_service")
    following = find_release(registry, releases_from)

    if watch is not None and not watch.exists():
        raise UserError("no such file or folder", where=str(watch))
    if mapping and watch is None:
        raise UserError("--map names columns of --watch", hint="Give --watch FILE too.")
    watch_mapping = parse_mapping(mapping, {*Faq.model_fields})
    if documents and watch_documents:
        raise UserError(
            "--watch-documents: --documents are not watched, and only one of them is quoted from",
            hint="Give all of them to --watch-documents.",
        )
    handing_over = _ticket_options(hours, tickets_to, tickets_as) if tickets else None
    if not tickets and (hours or tickets_to):
        raise UserError(
            "--no-tickets: nobody waits, so --hours and --tickets-to have no use",
            hint="Leave --no-tickets out.",
        )
    keep_seconds = parse_period(keep).total_seconds()
    keep_audit_seconds = parse_period(keep_audit).total_seconds()
    conversation_seconds = parse_period(conversations).total_seconds()
    schedule = parse_schedule(learn)
    known = partial(known_names, store, database)
    live_rules = LiveRules(rules, AnswerRules, known) if rules else None
    own_replies = read_replies(replies) if replies else None
    generation = read_generation(generator, base_url, model)
    facts = open_facts(graph) if graph else None
    reader = PictureReader(max(1, available_cpus() // workers)) if pictures else None
    visitors = read_visitors(embed_on or (), visitor_rate, has_keys=access.api_key_file is not None)

    def make_app(**known: Any) -> Any:
        from apps.customer_service.server import build_app

        say("Loading the release …")
        return build_app(
            registry,
            device=device,
            precision=precision,
            threads=max(1, available_cpus() // workers),
            database=database,
            trusted_keys=trust or (),
            schedule=schedule,
            keep_seconds=keep_seconds,
            conversation_seconds=conversation_seconds,
            watch=watch,
            watch_mapping=watch_mapping,
            documents=documents or (),
            watch_documents=watch_documents or (),
            rules=live_rules,
            facts=facts,
            replies=own_replies,
            visitors=visitors,
            tickets=handing_over,
            generation=generation,
            pictures=reader,
            keep_audit_seconds=keep_audit_seconds,
            **known,
        )

    access.listen(make_app, port, workers=workers, following=following)


def _ticket_options(hours: Path | None, url: str | None, shape: str) -> Any:
    from apps.customer_service.tickets.helpdesk.shapes import open_help_desk
    from apps.customer_service.tickets.options import TicketOptions
    from apps.customer_service.tickets.waiting.hours import load_hours

    if url is None and shape != "plain":
        raise UserError("--tickets-as says how, but not to whom", hint="Give --tickets-to URL.")
    return TicketOptions(
        hours=load_hours(hours) if hours else None,
        helpdesk=open_help_desk(url, shape) if url else None,
    )
