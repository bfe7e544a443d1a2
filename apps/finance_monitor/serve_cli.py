"""`serve`: the monitor as a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    Delay,
    Entities,
    Escalate,
    FalseAlarms,
    Lateness,
    Notify,
    WindowWidth,
    open_registry,
)
from apps.finance_monitor.rules.cli import open_rules
from common.cli import LOOPBACK, AllowHost, ApiKeyFile, Device, Host, Port, Store, listen, new_app
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl, Keep, LearnWhen, Trust
from common.rules.rules_cli import RulesOption
from common.serving.learning.schedule import parse_schedule

verbs = new_app("Serve.")


@verbs.command()
def serve(
    feed: Annotated[
        str | None, typer.Option("--feed", help="Follow this; else what is posted to /v1/records.")
    ] = None,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by `watch --score-only`.")
    ] = False,
    entities: Entities = None,
    rules: RulesOption = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    host: Host = LOOPBACK,
    port: Port = 8001,
    api_key_file: ApiKeyFile = None,
    allow_host: AllowHost = None,
    device: Device = "auto",
    learn: LearnWhen = None,
    trust: Trust = None,
    keep: Keep = "365d",
    database: DatabaseUrl = None,
    store: Store = Path("var"),
) -> None:
    """Watch, and show trends and alerts on a page."""
    from apps.finance_monitor.feeds.opening import check_sources
    from apps.finance_monitor.watch.running import Options

    options = Options(
        false_alarms, window, allowed_lateness, delay, escalate_after, entities, notify or ()
    )
    options.rules()
    check_sources(feed or "")
    if scored and not feed:
        raise UserError("--scored: what is posted is not scored yet", hint="Name a --feed.")
    live_rules = open_rules(rules, store, scored=scored)
    registry = open_registry(store)
    if registry.current_id() is None:
        registry.open()

    keep_seconds = parse_period(keep).total_seconds()
    schedule = parse_schedule(learn)
    made: list[Any] = []

    def make_app(**access: Any) -> Any:
        from apps.finance_monitor.server import build_app
        from apps.finance_monitor.watch.service import MonitorService

        say("Loading the release …")
        service = MonitorService(
            registry, options, feed, scored=scored, device=device, rules=live_rules
        )
        app = build_app(
            service,
            database=database,
            trusted_keys=trust or (),
            keep_seconds=keep_seconds,
            schedule=schedule,
            **access,
        )
        made.append(app)
        return made[0]

    def stop() -> None:
        made[0].state.stop()

    listen(make_app, host, port, api_key_file, allow_host, on_stopping=stop)
