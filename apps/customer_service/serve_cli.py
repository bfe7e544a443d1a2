"""The verb `serve` of customer service."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from common.cli import LOOPBACK, AllowHost, ApiKeyFile, Device, Host, Port, Store, listen
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl, Keep, LearnWhen, Trust
from common.rules.rules_cli import RulesOption
from common.serving.learning.schedule import parse_schedule

verbs = typer.Typer()


@verbs.command()
def serve(
    host: Host = LOOPBACK,
    port: Port = 8000,
    api_key_file: ApiKeyFile = None,
    allow_host: AllowHost = None,
    device: Device = "auto",
    learn: LearnWhen = None,
    trust: Trust = None,
    keep: Keep = "365d",
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
    rules: RulesOption = None,
    database: DatabaseUrl = None,
    store: Store = Path("var"),
) -> None:
    """Answer over HTTP, with a page to chat on."""
    from apps.customer_service.rules.known import known_names
    from apps.customer_service.rules.schema import AnswerRules
    from common.releases.registry import Registry
    from common.rules.live import LiveRules

    registry = Registry(store, "customer_service")
    if registry.current_id() is None:
        registry.open()

    if watch is not None and not watch.exists():
        raise UserError("no such file or folder", where=str(watch))
    keep_seconds = parse_period(keep).total_seconds()
    conversation_seconds = parse_period(conversations).total_seconds()
    schedule = parse_schedule(learn)
    known = partial(known_names, store, database)
    live_rules = LiveRules(rules, AnswerRules, known) if rules else None

    def make_app(**access: Any) -> Any:
        from apps.customer_service.server import build_app

        say("Loading the release …")
        return build_app(
            registry,
            device=device,
            database=database,
            trusted_keys=trust or (),
            schedule=schedule,
            keep_seconds=keep_seconds,
            conversation_seconds=conversation_seconds,
            watch=watch,
            rules=live_rules,
            **access,
        )

    listen(make_app, host, port, api_key_file, allow_host)
