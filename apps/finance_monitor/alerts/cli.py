"""`alerts list|ack|silence|resolve|judge`: what people do about alerts."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from apps.finance_monitor.options_cli import MonitorDatabase, find_place
from common.cli import Json, Store, new_app, print_json
from common.console import say, show_table

alerts = new_app("Alerts: list, acknowledge, silence, resolve, judge.")

AlertId = Annotated[str, typer.Argument(help="The alert's id, or how it begins.")]
HEADINGS = (
    "id",
    "since (UTC)",
    "status",
    "severity",
    "on",
    "negative (usual)",
    "who",
    "judged",
)
By = Annotated[str, typer.Option("--by", help="Who you are.", default_factory=getpass.getuser)]


def open_store(directory: Path, database: str | None) -> Any:
    """The store of a monitor that has run."""
    from apps.finance_monitor.store import Store as MonitorStore

    return MonitorStore(find_place(directory, database))


@alerts.command("list")
def list_alerts(
    limit: Annotated[int, typer.Option(min=1)] = 20,
    database: MonitorDatabase = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """The latest alerts, and what people did about them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from apps.finance_monitor.alerts.notifications import usual
    from apps.finance_monitor.alerts.operations import cases, set_aside, silences, verdicts
    from apps.finance_monitor.surges.keys import name_of

    opened = open_store(store, database)
    found, muted, refused = cases(opened, limit), silences(opened), set_aside(opened, limit)
    if as_json:
        print_json(
            {
                "alerts": [case.model_dump(mode="json") for case in found],
                "silences": [one.model_dump(mode="json") for one in muted],
                "set_aside": [one.model_dump(mode="json") for one in refused],
                "verdicts": verdicts(opened),
            }
        )
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in (
        "id",
        "since (UTC)",
        "status",
        "severity",
        "on",
        "negative (usual)",
        "who",
        "judged",
    ):
        table.add_column(name, overflow="fold", no_wrap=name in {"id", "since (UTC)", "status"})
    for case in found:
        alert = case.alert
        on = name_of(alert.key)
        if case.muted_by:
            on += f" (explained by {name_of(case.muted_by)})"
        table.add_row(
            alert.alert_id[:8],
            f"{alert.starts_at:%d %b %H:%M}",
            "closed" if case.closed_at else alert.status,
            alert.severity,
            on,
            f"{alert.observed} ({usual(alert)})",
            case.closed_by or case.acknowledged_by or "",
            (case.verdict or "").replace("_", " "),
        )
    show_table(table)
    for one in muted:
        say(f"{one.key} is silenced until {one.until:%Y-%m-%d %H:%M} UTC, by {one.by}")
    for lost in refused:
        say(f"Refused by {lost.sink} ({lost.error}): {lost.headline}")


@alerts.command()
def ack(
    alert_id: AlertId, by: By, database: MonitorDatabase = None, store: Store = Path("var")
) -> None:
    """Say that you look after it: it is not escalated any more."""
    from apps.finance_monitor.alerts.operations import acknowledge

    done = acknowledge(open_store(store, database), alert_id, by)
    say(f"{done.alert.alert_id}: {by} has acknowledged it.")


@alerts.command()
def resolve(
    alert_id: AlertId, by: By, database: MonitorDatabase = None, store: Store = Path("var")
) -> None:
    """Resolve an alert: no more notifications of it."""
    from apps.finance_monitor.alerts.operations import resolve as close

    done = close(open_store(store, database), alert_id, by)
    say(f"{done.alert.alert_id}: closed by {by}.")


@alerts.command()
def silence(
    key: Annotated[str, typer.Argument(help="A topic, a company, or * for all.")],
    by: By,
    lasting: Annotated[str, typer.Option("--for", help="How long, like 2h or 3d.")] = "1d",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    database: MonitorDatabase = None,
    store: Store = Path("var"),
) -> None:
    """Silence a topic or company for a while; its alerts are kept and shown."""
    from difflib import get_close_matches

    from apps.finance_monitor.alerts.operations import alerted
    from apps.finance_monitor.alerts.operations import silence as mute
    from apps.finance_monitor.surges.keys import name_of
    from common.durations import parse_period

    kept = open_store(store, database)
    made = mute(kept, key, parse_period(lasting), by, comment)
    say(f"{made.key} is silenced until {made.until:%Y-%m-%d %H:%M} UTC.")
    known = alerted(kept)
    if key != "*" and not any(map(made.covers, known)):
        near = get_close_matches(key, map(name_of, known), n=1)
        asked = f" Did you mean {near[0]}?" if near else ""
        say(f"There was no alert of {key} so far.{asked}")


@alerts.command()
def judge(
    alert_id: AlertId,
    verdict: Annotated[Literal["real", "false-alarm"], typer.Argument(help="What it was.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    database: MonitorDatabase = None,
    store: Store = Path("var"),
) -> None:
    """Say whether it was right to alert."""
    from apps.finance_monitor.alerts.operations import judge as say_so
    from apps.finance_monitor.alerts.operations import verdicts

    opened = open_store(store, database)
    done = say_so(opened, alert_id, "real" if verdict == "real" else "false_alarm", by, reason)
    counts = verdicts(opened)
    say(f"{done.alert.alert_id}: {verdict.replace('-', ' ')}, says {by}.")
    say(f"Judged so far: {counts['real']} real, {counts['false_alarm']} false alarms.")
