"""`sql`: questions over stories, what they say of companies, alerts and trends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor.options_cli import MonitorDatabase, find_place
from common.cli import Json, Store, new_app, print_json
from common.console import say, show_table

verbs = new_app("Ask in SQL.")

MOST_SHOWN = 200


@verbs.command()
def sql(
    query: Annotated[
        str,
        typer.Argument(help='Over stories, targets, alerts and trends: "select name from alerts".'),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="All rows as .csv, .tsv, .xlsx, .jsonl or .parquet."),
    ] = None,
    database: MonitorDatabase = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Ask in SQL (the database's) what the monitor has kept; nothing is written."""
    from rich.table import Table

    from apps.finance_monitor.querying.asking import ask
    from common.records.writing import check_writable_as, write_table

    if out:
        check_writable_as(out)
    place = find_place(store, database)
    found = ask(place, query, None if out or as_json else MOST_SHOWN + 1)
    if out:
        write_table(out, found.records())
        say(f"{out}: {len(found.rows)} rows.")
    if as_json:
        print_json({"columns": found.columns, "rows": found.rows})
    if out or as_json:
        return
    table = Table()
    for name in found.columns:
        table.add_column(name)
    for row in found.rows[:MOST_SHOWN]:
        table.add_row(*(("" if cell is None else _shown(cell)) for cell in row))
    show_table(table)
    if len(found.rows) > MOST_SHOWN:
        say(f"The first {MOST_SHOWN} rows; --out FILE.csv writes all.")


def _shown(cell: object) -> str:
    from rich.markup import escape

    return escape(f"{cell:g}" if isinstance(cell, float) else str(cell))
