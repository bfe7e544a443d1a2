"""`backtest`: replay the past."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor.options_cli import (
    APPLICATION,
    ReleaseId,
    SurgeOptions,
    load_classifier,
)
from common.cli import Device, Json, Store, existing, new_app, print_json
from common.console import results, show_table
from common.groups_cli import grouped

verbs = new_app("Replay the past.")


@verbs.command()
@grouped
def backtest(
    *,
    history: Annotated[
        Path, typer.Argument(help="News of the past: JSON lines or a table.", callback=existing)
    ],
    events: Annotated[
        Path | None,
        typer.Option("--events", help="Known surges: name, key, start, end.", callback=existing),
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option("--budget", help="Further budgets to compare.")
    ] = None,
    watched: SurgeOptions,
    scored: Annotated[bool, typer.Option("--scored", help="Written by the verb score.")] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Replay the past: every alert that would have fired, how soon, and how many for nothing."""
    from apps.finance_monitor.backtest.outcome import read_events
    from apps.finance_monitor.backtest.replay import Replay
    from apps.finance_monitor.surges.budget import parse_budget

    options = watched.options()
    listed = options.entity_list()
    exposures = options.exposures(listed)
    rules = replace(
        options.rules(), calendar=options.days(listed), watchlists=options.lists(listed)
    )
    budgets = [parse_budget(wording) for wording in budget or ()]
    known = read_events(events) if events else []
    classifier, topics = load_classifier(store, release_id, device, scored)

    # These bring torch with them, for which nobody waits to hear of a wrong option.
    from apps.finance_monitor.backtest.report import (
        alerts_table,
        events_table,
        lists_table,
        sweep_table,
        write_backtest_report,
    )
    from apps.finance_monitor.reporting import rows_table

    replay = Replay(history, classifier, rules, topics=topics, entities=listed, exposures=exposures)
    outcome = replay.outcome(known)
    sweep = [replay.under(one, known) for one in budgets]
    report = report or store / APPLICATION / "backtest.html"
    write_backtest_report(report, outcome, sweep, replay.store)
    if as_json:
        print_json(outcome.to_json() | {"sweep": [one.to_json() for one in sweep]})
        return
    title = f"{len(outcome.notified)} alerts in {outcome.days:.1f} days, {outcome.budget}"
    show_table(rows_table(alerts_table(outcome), title))
    if known:
        show_table(rows_table(events_table(outcome), "Known events"))
    if outcome.lists:
        show_table(rows_table(lists_table(outcome), "Watchlists"))
    if sweep:
        show_table(rows_table(sweep_table([outcome, *sweep]), "Budgets"))
    results().print(f"Report: {report}", markup=False, soft_wrap=True)
