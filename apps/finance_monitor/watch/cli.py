"""`watch`: follow a feed in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    APPLICATION,
    MonitorDatabase,
    ReleaseId,
    Standby,
    WatchOptions,
    load_classifier,
    open_registry,
)
from apps.finance_monitor.rules.cli import open_rules
from common.cli import AllowAddress, Device, ServingPrecision, Store, new_app
from common.console import results, say
from common.errors import UserError
from common.groups_cli import grouped
from common.rules.rules_cli import RulesOption, say_what_fired

verbs = new_app("Follow a feed.")

FeedSpec = Annotated[
    str,
    typer.Argument(
        help="A file that grows, - for stdin, redis://HOST/STREAM?group=NAME, "
        "kafka://HOST:9092/TOPIC, the address of an RSS or Atom feed, or sources.toml with several."
    ),
]


@verbs.command()
@grouped
def watch(
    *,
    feed: FeedSpec,
    watched: WatchOptions,
    rules: RulesOption = None,
    allow_address: AllowAddress = None,
    standby: Standby = False,
    once: Annotated[bool, typer.Option("--once", help="Read to the end and stop.")] = False,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by --score-only.")
    ] = False,
    score_only: Annotated[
        str | None,
        typer.Option("--score-only", help="Write scored news to this Redis Stream or Kafka topic."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve /metrics for Prometheus there; without a host, to this machine alone.",
        ),
    ] = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    database: MonitorDatabase = None,
    store: Store = Path("var"),
    as_json: Annotated[bool, typer.Option("--json", help="One line per alert, no page.")] = False,
) -> None:
    """Follow a feed: trends as they come, and an alert when negative news surges."""
    from apps.finance_monitor.feeds.opening import check_sources
    from apps.finance_monitor.watch.metrics_server import metrics_at
    from common.models.devices import check_serving_precision

    options = watched.options(database=database)
    options.check()
    check_sources(feed)
    if scored and score_only:
        raise UserError("--score-only: a scored feed is not scored again", hint="Drop --scored.")
    if standby and (score_only or feed == "-"):
        what = "workers that score need none" if score_only else "nobody can go on reading stdin"
        raise UserError(f"--standby: {what}", hint="Leave it out.")
    if scored and precision != "auto":
        raise UserError("--precision: a scored feed is not read by a model", hint="Leave it out.")
    check_serving_precision(precision, device)
    live_rules = open_rules(rules, store, release_id, scored=scored)
    with metrics_at(metrics, live_rules) as show:
        classifier, topics = load_classifier(
            store, release_id, device, scored, live_rules, precision=precision
        )
        directory = store / APPLICATION

        def catch_up(following: Any) -> None:
            """Score by the release that serves now, unless one was named."""
            if scored or release_id or open_registry(store).current_id() == classifier.release_id:
                return
            newest, _ = load_classifier(
                store, None, device, scored, live_rules, precision=precision
            )
            following.use(newest)

        if score_only:
            _score(feed, score_only, classifier, options, directory, show)
            return
        show_watch(
            feed,
            options,
            classifier,
            topics,
            directory,
            once=once,
            scored=scored,
            as_json=as_json,
            show=show,
            standby=standby,
            on_standby_over=catch_up,
        )
    if live_rules:
        say_what_fired(live_rules)


def _score(
    feed: str, target: str, classifier: Any, options: Any, directory: Path, show: Any
) -> None:
    from apps.finance_monitor.watch.running import REJECTED
    from apps.finance_monitor.watch.setup import LiveSetup
    from apps.finance_monitor.watch.stopping import stopped_by_signals
    from apps.finance_monitor.watch.worker import ScoringWorker

    live = LiveSetup(options.files, options.setup)
    worker = ScoringWorker(classifier, live, directory / REJECTED)
    show(worker.counters)
    with stopped_by_signals() as stopping:
        worker.work(feed, target, stopping)


def show_watch(
    feed: Any,
    options: Any,
    classifier: Any,
    topics: list[str],
    directory: Path,
    *,
    once: bool = False,
    scored: bool = False,
    as_json: bool = False,
    show: Any = None,
    standby: bool = False,
    on_standby_over: Callable[[Any], None] = lambda _: None,
) -> None:
    """Follow a feed, or what names one, with the page, or lines where there is no terminal."""
    from time import time

    from apps.finance_monitor.alerts.sinks import ConsoleSink, LinesSink
    from apps.finance_monitor.watch.running import REJECTED, follow, open_watch
    from apps.finance_monitor.watch.stopping import stopped_by_signals

    has_page = not as_json and results().is_terminal
    sinks = [LinesSink()] if as_json else [] if has_page else [ConsoleSink()]
    # A replayed past keeps its own time.
    clock = time if isinstance(feed, str) and not once else None
    # What stands by holds nothing yet, and a signal ends it at once.
    with (
        open_watch(
            directory, options, classifier, topics, sinks, clock=clock, standby=standby
        ) as watched,
        stopped_by_signals() as stopping,
    ):
        if standby:
            on_standby_over(watched)
        if show:
            show(watched.counters)

        def work(after: Any = None) -> None:
            follow(watched, feed, stopping, once=once, scored=scored, after=after)

        if has_page:
            from apps.finance_monitor.watch.display import show_while

            show_while(watched, work)
        else:
            work()
        tally = watched.monitor.tally
    kept = f", with their reasons in {directory / REJECTED}" if tally["rejected"] else ""
    say(
        f"{tally['records']} stories, {tally['duplicates']} copies, {tally['late']} late,"
        f" {tally['repeated']} seen before, {tally['rejected']} rejected{kept}."
    )
