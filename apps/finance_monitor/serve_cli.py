"""`serve`: the monitor as a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    TITLE,
    Prices,
    Standby,
    WatchOptions,
    open_registry,
)
from apps.finance_monitor.rules.cli import open_rules
from common.cli import AllowAddress, Device, ServingPrecision, Store, new_app
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.groups_cli import grouped
from common.learning.options_cli import KEEP_AUDIT, Keep, KeepAudit, LearnWhen, Trust
from common.rules.rules_cli import RulesOption
from common.serving.learning.schedule import parse_schedule
from common.serving.listening_cli import AccessOptions, Port, Workers
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
@grouped
def serve(
    *,
    feed: Annotated[
        str | None, typer.Option("--feed", help="Follow this; else what is posted to /v1/records.")
    ] = None,
    stories: Annotated[
        bool, typer.Option("--stories", help="Beside the feed, take what is sent to /v1/stories.")
    ] = False,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by `watch --score-only`.")
    ] = False,
    watched: WatchOptions,
    prices: Prices = None,
    rules: RulesOption = None,
    standby: Standby = False,
    access: AccessOptions,
    port: Port = 8001,
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
    from common.models.devices import check_serving_precision

    if workers > 1:
        raise UserError(
            f"--workers {workers}: a feed is watched by one process, which holds its windows",
            hint="Score in several: `watch --score-only`, and here --scored with what they write.",
        )
    options = watched.options(prices=prices, database=database)
    options.check()
    check_sources(feed or "")
    if scored and not feed:
        raise UserError("--scored: what is posted is not scored yet", hint="Name a --feed.")
    check_stories(stories, feed, scored, access)
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
        access.check(port, TITLE)
    # Who stands by does not listen yet: a balancer finds the one that watches.
    service = open_service() if standby else None

    def make_app(**known: Any) -> Any:
        from apps.finance_monitor.server import build_app

        app = build_app(
            service or open_service(),
            database=database,
            trusted_keys=trust or (),
            keep_seconds=keep_seconds,
            schedule=schedule,
            stories_secret=os.environ.get(STORIES_SECRET),
            keep_audit_seconds=keep_audit_seconds,
            **known,
        )
        made.append(app)
        return made[0]

    def stop() -> None:
        made[0].state.stop()

    access.listen(make_app, port, on_stopping=stop, following=following)
    if any(one.makes_room for one in services):
        # So that whatever started it starts it again, to stand by.
        raise typer.Exit(1)


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


def check_stories(stories: bool, feed: str | None, scored: bool, access: AccessOptions) -> None:
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
    if not (is_loopback(access.host) or access.api_key_file):
        raise UserError(
            f"--stories: anybody who reaches {access.host} could send them",
            hint="Give --api-key-file.",
        )
