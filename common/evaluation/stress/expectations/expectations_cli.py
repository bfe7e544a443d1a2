"""The option `--expectations`, and how what became of them is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import existing

if TYPE_CHECKING:
    from rich.table import Table

    from common.evaluation.stress.expectations.checking import Checked

SHOWN = 30

ExpectationsFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--expectations",
        help="What must not matter, what must matter, and what must be right: TOML, CSV or JSON "
        "lines. May be repeated.",
        callback=existing,
    ),
]


def show_expectations(checked: Checked, release_id: str) -> None:
    """Print how many cases of each kind fail, and the texts of the first."""
    from common.console import results, show_table

    show_table(_counts(checked, release_id))
    failures = checked.failures
    if failures:
        show_table(_failures(checked))
    if (more := len(failures) - SHOWN) > 0:
        results().print(f"{more:,} more: see --json or --out FILE.")


def _counts(checked: Checked, release_id: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("kind", "expectation", title=f"Release {release_id}: expectations")
    for column in ("cases", "failed", "met"):
        table.add_column(column, justify="right")
    last = None
    for (kind, name), (cases, failed) in checked.counts().items():
        shown = kind if kind != last else ""
        table.add_row(shown, escape(name), str(cases), str(failed), f"{1 - failed / cases:.1%}")
        last = kind
    return table


def _failures(checked: Checked) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("expectation", "text", "decided", "wanted", title="Not met")
    for one in checked.failures[:SHOWN]:
        case = one.case
        table.add_row(
            escape(case.name),
            escape("\n".join(case.texts)),
            escape("\n".join(one.said)),
            escape(case.said),
        )
    return table
