"""The verb `effect`: what an action caused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Json, existing, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from common.evaluation.effects.asking import Effect


def add_effect_verb(app: typer.Typer) -> None:
    """Add the verb, which is of no application: it reads a table and a graph alone."""

    @app.command()
    def effect(
        decisions: Annotated[
            Path, typer.Argument(help="A table, one decision a row.", callback=existing)
        ],
        graph: Annotated[
            Path,
            typer.Option("--graph", help="What causes what, as a TOML file.", callback=existing),
        ],
        seed: Annotated[
            int,
            typer.Option("--seed", min=0, max=2**31 - 1, help="Of the folds and the placebos."),
        ] = 0,
        as_json: Json = False,
    ) -> None:
        """What a promotion, a new release or a policy of alerts caused, from logged decisions.

        Exit code 3 where nothing can be told: a cause is unmeasured, or overlap fails.
        """
        from common.evaluation.effects.asking import ask
        from common.evaluation.effects.graph import read_graph

        found = ask(decisions, read_graph(graph), seed=seed)
        if as_json:
            print_json(found.to_json())
        else:
            _show(found)


def _show(found: Effect) -> None:
    from common.console import results, show_table

    show_table(_table(found))
    adjusted = ", ".join(found.adjusted_for) or "nothing: by the graph nothing confounds it"
    lines = [f"Adjusted for: {adjusted}."]
    for one in found.refutations:
        lines.append(f"{'Held' if one.held else 'REFUTED'}: {one.name}: {one.found}.")
    hidden = found.hidden_cause
    about = "about " if hidden.is_approximate else ""
    lines.append(
        "A hidden cause would explain it away if it made both the action and the outcome "
        f"{about}{hidden.value:.2f} times as likely, beyond what is adjusted for; "
        f"{hidden.of_interval:.2f} times would take the interval to zero."
    )
    lines.append(found.verdict)
    for line in lines:
        results().print(line, markup=False, soft_wrap=True)


def _table(found: Effect) -> Table:
    from rich.markup import escape
    from rich.table import Table

    asked, told = found.question, found.estimate
    title = f"Effect of {asked.treatment} on {asked.outcome}, {len(found.decisions):,} decisions"
    table = Table("", title=escape(title))
    for column in ("value", "95 % interval"):
        table.add_column(column, justify="right")
    for name, interval in (
        ("with the action", told.with_action),
        ("without", told.without),
        ("effect", told.effect),
        ("unadjusted difference", told.naive),
    ):
        table.add_row(name, f"{interval.value:.4g}", f"{interval.low:.4g} to {interval.high:.4g}")
    return table
