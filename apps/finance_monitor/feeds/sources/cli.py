"""`sources check`: ask each source once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import AllowAddress, Json, new_app, print_json
from common.console import progress, show_table
from common.errors import RefusedError

if TYPE_CHECKING:
    from apps.finance_monitor.feeds.sources.asking import Heard

sources = new_app("Sources that are asked for news.")
HEADINGS = ("source", "kind", "items", "newest (UTC)", "answer")


@sources.command()
def check(
    file: Annotated[
        Path, typer.Argument(help="sources.toml; nothing that is read is kept.", exists=True)
    ],
    allow_address: AllowAddress = None,
    as_json: Json = False,
) -> None:
    """Ask each source once, and show what it says; fails where one does not answer."""
    from apps.finance_monitor.feeds.sources.asking import ask_each
    from apps.finance_monitor.feeds.sources.reading import read_sources

    found = read_sources(str(file))
    heard: list[Heard] = []
    with progress("Asking", len(found)) as advance:
        for one in ask_each(found):
            heard.append(one)
            advance(note=one.source.label)
    order = [source.key for source in found]
    heard.sort(key=lambda one: order.index(one.source.key))
    rows = [_row(one) for one in heard]
    if as_json:
        print_json({"sources": rows})
    else:
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(*HEADINGS, box=SIMPLE_HEAD)
        for row in rows:
            newest = row["newest"][:16].replace("T", " ") if row["newest"] else "–"
            shown = (
                row["source"],
                row["kind"],
                str(row["items"]),
                newest,
                row["error"] or "answers",
            )
            table.add_row(*map(escape, shown))
        show_table(table)
    silent = sum(1 for one in heard if one.error)
    if silent:
        raise RefusedError(f"{silent} of {len(heard)} sources do not answer as they should")


def _row(heard: Heard) -> dict[str, Any]:
    from apps.finance_monitor.feeds.sources.source import iso

    dates = [one.entry.published for one in heard.new if one.entry.published]
    return {
        "source": heard.source.label,
        "kind": heard.source.kind,
        "items": len(heard.new),
        "newest": iso(max(dates)).isoformat() if dates else None,
        "error": heard.error,
    }
