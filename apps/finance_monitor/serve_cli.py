"""`serve`: the monitor as a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    TITLE,
    CalendarFile,
    Delay,
    Entities,
    Escalate,
    FalseAlarms,
    Lateness,
    Notify,
    Prices,
    Relations,
    Standby,
    Watchlists,
    WindowWidth,
    open_registry,
)
from apps.finance_monitor.rules.cli import open_rules
from common.cli import (
    LOOPBACK,
    AllowAddress,
    AllowHost,
    ApiKeyFile,
    Device,
    Host,
    Port,
    ServingPrecision,
    Store,
    WithoutKeys,
    Workers,
    listen,
    new_app,
)
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.learning.options_cli import KEEP_AUDIT, Keep, KeepAudit, LearnWhen, Trust
from common.rules.rules_cli import RulesOption
from common.serving.learning.schedule import parse_schedule
from common.serving.switching.following_cli import ReleasesFrom, find_release

verbs = new_app("Serve.")

ServerDatabase = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="BIZLM_DATABASE",
        help="Where feedback is kept: a file, or a URL of PostgreSQL, which then keeps what the "
        "monitor knows too, and which machines may share. Default: in the store.",
    ),
]

STORIES_SECRET = "BIZLM_STORIES_SECRET"


@verbs.command()
def serve(
    feed: Annotated[
        str | None, typer.Option("--feed", help="Follow this; else what is posted to /v1/records.")
    ] = None,
    stories: Annotated[
        bool, typer.Option("--stories", help="Beside the feed, take what is sent to /v1/stories.")
    ] = False,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by `watch --score-only`.")
    ] = False,
    entities: Entities = None,
    relations: Relations = None,
    watchlists: Watchlists = None,
    calendar: CalendarFile = None,
    prices: Prices = None,
    rules: RulesOption = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    standby: Standby = False,
    host: Host = LOOPBACK,
    port: Port = 8001,
    api_key_file: ApiKeyFile = None,
    without_keys: WithoutKeys = False,
    allow_host: AllowHost = None,
    allow_address: AllowAddress = None,
    workers: Workers = 1,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    learn: LearnWhen = None,
    trust: Trust = None,
    keep: Keep = "365d",
    keep_audit: KeepAudit = KEEP_AUDIT,
    database: ServerDatabase = None,
    releases_from: ReleasesFrom = None,
    store: Store = Path("var"),
) -> None:
    """Watch, and show trends and alerts on a page."""
    from apps.finance_monitor.feeds.opening import check_sources
    from apps.finance_monitor.prices.series import read_prices
    from apps.finance_monitor.watch.running import Options
    from common.models.devices import check_serving_precision

    if workers > 1:
        raise UserError(
            f"--workers {workers}: a feed is watched by one process, which holds its windows",
            hint="Score in several: `watch --score-only`, and here --scored with what they write.",
        )
    options = Options(
        false_alarms,
        window,
        allowed_lateness,
        delay,
        escalate_after,
        entities,
        notify or (),
        relations,
        watchlists,
        calendar,
        prices,
        database,
    )
    options.rules()
    listed = options.entity_list()
    options.exposures(listed)
    options.lists(listed)
    options.days(listed)
    if prices:
        read_prices(prices, listed)
    check_sources(feed or "")
    if scored and not feed:
        raise UserError("--scored: what is posted is not scored yet", hint="Name a --feed.")
    check_stories(stories, feed, scored, host, api_key_file)
    check_shared(database, standby, takes_stories=stories or not feed)
    check_serving_precision(precision, device)
    registry = open_registry(store)
    following = find_release(registry, releases_from)
    live_rules = open_rules(rules, store, scored=scored)
    keep_seconds = parse_period(keep).total_seconds()
    keep_audit_seconds = parse_period(keep_audit).total_seconds()
    schedule = parse_schedule(learn)
    made: list[Any] = []
    services: list[Any] = []

    def open_service() -> Any:
        from apps.finance_monitor.watch.service import MonitorService

        say("Loading the release …")
        service = MonitorService(
            registry,
            options,
            feed,
            scored=scored,
            takes_stories=stories,
            device=device,
            precision=precision,
            rules=live_rules,
            standby=standby,
        )
        services.append(service)
        return service

    if standby:
        _check_access(host, port, api_key_file, without_keys)
    # Who stands by does not listen yet: a balancer finds the one that watches.
    service = open_service() if standby else None

    def make_app(**access: Any) -> Any:
        from apps.finance_monitor.server import build_app

        app = build_app(
            service or open_service(),
            database=database,
            trusted_keys=trust or (),
            keep_seconds=keep_seconds,
            schedule=schedule,
            stories_secret=os.environ.get(STORIES_SECRET),
            keep_audit_seconds=keep_audit_seconds,
            **access,
        )
        made.append(app)
        return made[0]

    def stop() -> None:
        made[0].state.stop()

    listen(
        make_app,
        host,
        port,
        api_key_file,
        allow_host,
        on_stopping=stop,
        without_keys=without_keys,
        following=following,
    )
    if any(one.makes_room for one in services):
        # So that whatever started it starts it again, to stand by.
        raise typer.Exit(1)


def _check_access(host: str, port: int, api_key_file: Path | None, without_keys: bool) -> None:
    """As `listen` will once it is this one's turn, which is no time to fail."""
    from common.serving.keys.live import ApiKeys
    from common.serving.run import check_address, check_keys

    if api_key_file:
        ApiKeys.load(api_key_file)
    check_keys(host, api_key_file is not None, without_keys)
    check_address(host, port, TITLE)


def check_shared(database: str | None, standby: bool, *, takes_stories: bool) -> None:
    """See that who stands by can go on with what was sent.

    Raises:
        UserError: it is kept on another machine's disk.
    """
    from apps.finance_monitor.state.opening import is_postgresql

    if standby and takes_stories and database and is_postgresql(database):
        raise UserError(
            "--standby: what is sent here is kept on this machine, where no other one goes on",
            hint="Name a --feed that all machines reach, without --stories; or put what is sent"
            " into Redis or Kafka.",
        )


def check_stories(
    stories: bool, feed: str | None, scored: bool, host: str, api_key_file: Path | None
) -> None:
    """See that stories that are sent can be taken.

    Raises:
        UserError: strangers could send them, or there is nothing beside which to take them.
    """
    from common.serving.run import is_loopback

    if not stories:
        return
    if feed is None or scored:
        raise UserError(
            "--stories: they are taken beside a --feed that is not scored",
            hint="Without a --feed they are taken anyway.",
        )
    if not (is_loopback(host) or api_key_file):
        raise UserError(
            f"--stories: anybody who reaches {host} could send them", hint="Give --api-key-file."
        )
