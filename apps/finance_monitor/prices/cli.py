"""`impact`: what prices did after alerts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor.alerts.cli import open_store
from apps.finance_monitor.options_cli import Entities, MonitorDatabase
from common.cli import Json, Store, existing, new_app, print_json
from common.console import say, show_table

verbs = new_app("What prices did after alerts.")

MOST_ALERTS = 100_000


@verbs.command()
def impact(
    prices: Annotated[
        Path,
        typer.Option(
            "--prices",
            help="date, key, close, volume; the key `market` is an index to be taken off.",
            callback=existing,
        ),
    ],
    days: Annotated[
        list[int] | None,
        typer.Option("--days", min=1, help="Trading days after an alert. Default: 1 and 5."),
    ] = None,
    closes_at: Annotated[
        datetime,
        typer.Option(
            formats=["%H:%M"],
            help="UTC: what fires later is measured from the next trading day's close.",
        ),
    ] = "21:00",  # type: ignore[assignment]
    entities: Entities = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    database: MonitorDatabase = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Returns after alerts against windows without one; refused where there are too few."""
    from dataclasses import asdict

    from rich.table import Table

    from apps.finance_monitor.alerts.operations import cases
    from apps.finance_monitor.prices.impact import impact as measure
    from apps.finance_monitor.prices.series import read_prices
    from apps.finance_monitor.stories.companies import read_entities

    series = read_prices(prices, read_entities(entities) if entities else None)
    alerts = [case.alert for case in cases(open_store(store, database), MOST_ALERTS)]
    found = [
        measure(alerts, series, ahead, seed, closes_at.time())
        for ahead in sorted(set(days or (1, 5)))
    ]
    if as_json:
        print_json({"impact": [asdict(one) | {"is_clear": one.is_clear} for one in found]})
        return
    table = Table(title="Returns after alerts")
    for name in ("days", "alerts", "after", "usual", "difference", "95 % interval"):
        table.add_column(name, justify="right")
    for one in found:
        interval = f"{one.low:+.2%} to {one.high:+.2%}"
        shown = [f"{value:+.2%}" for value in (one.after, one.usual, one.difference)]
        table.add_row(str(one.ahead), str(one.alerts), *shown, interval)
    show_table(table)
    adjusted = "The market's return is taken off. " if found[0].is_adjusted else ""
    clear = [str(one.ahead) for one in found if one.is_clear]
    told = f"Clear after {', '.join(clear)} days." if clear else "None of it is clear of chance."
    say(f"{adjusted}{told}")
