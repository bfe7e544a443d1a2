"""`watch`: follow a feed in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    APPLICATION,
    Delay,
    Entities,
    Escalate,
    FalseAlarms,
    Lateness,
    Notify,
    ReleaseId,
    WindowWidth,
    load_classifier,
)
from common.cli import Device, Store, new_app
from common.console import results, say

verbs = new_app("Follow a feed.")

FeedSpec = Annotated[
    str, typer.Argument(help="A file that grows, - for stdin, or redis://HOST/STREAM?group=NAME.")
]


@verbs.command()
def watch(
    feed: FeedSpec,
    entities: Entities = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    once: Annotated[bool, typer.Option("--once", help="Read to the end and stop.")] = False,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by --score-only.")
    ] = False,
    score_only: Annotated[
        str | None, typer.Option("--score-only", help="Write scored news to this Redis Stream.")
    ] = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Annotated[bool, typer.Option("--json", help="One line per alert, no page.")] = False,
) -> None:
    """Follow a feed: trends as they come, and an alert when negative news surges."""
    from apps.finance_monitor.running import Options

    options = Options(
        false_alarms, window, allowed_lateness, delay, escalate_after, entities, notify or ()
    )
    options.rules()
    classifier, topics = load_classifier(store, release_id, device, scored)
    if score_only:
        from apps.finance_monitor.running import score_only as score_stream
        from apps.finance_monitor.watching import stopped_by_signals

        with stopped_by_signals() as stopping:
            score_stream(
                store / APPLICATION, classifier, options.entity_list(), feed, score_only, stopping
            )
        return
    show_watch(
        feed,
        options,
        classifier,
        topics,
        store / APPLICATION,
        once=once,
        scored=scored,
        as_json=as_json,
    )


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
) -> None:
    """Follow a feed, or what names one, with the page, or lines where there is no terminal."""
    from apps.finance_monitor.running import follow, open_watch
    from apps.finance_monitor.sinks import ConsoleSink, LinesSink
    from apps.finance_monitor.watching import stopped_by_signals

    has_page = not as_json and results().is_terminal
    sinks = [LinesSink()] if as_json else [] if has_page else [ConsoleSink()]
    with (
        stopped_by_signals() as stopping,
        open_watch(directory, options, classifier, topics, sinks) as watched,
    ):

        def work(after: Any = None) -> None:
            follow(watched, feed, stopping, once=once, scored=scored, after=after)

        if has_page:
            from apps.finance_monitor.display import show_while

            show_while(watched, work)
        else:
            work()
        tally = watched.monitor.tally
    say(
        f"{tally['records']} stories, {tally['duplicates']} copies, {tally['late']} late,"
        f" {tally['repeated']} seen before, {tally['rejected']} unreadable."
    )
