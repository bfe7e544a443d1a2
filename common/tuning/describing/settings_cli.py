"""`settings`: every setting of `train`, by families."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import typer

from common.cli import Json, print_json
from common.console import results, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from common.tuning.describing.families import Described


def add_settings_verb(
    app: typer.Typer,
    defaults: Mapping[str, Any] | None = None,
    find_unused: Callable[[], Collection[str]] = tuple,
) -> None:
    """Add `settings`.

    Args:
        defaults: the application's own.
        find_unused: the settings that its `train` refuses.
    """

    @app.command("settings")
    def show_settings(as_json: Json = False) -> None:
        """List the settings of `train --set`: what each is, its default, and what it needs."""
        from dataclasses import asdict
        from itertools import groupby

        from common.tuning.describing.families import STRATEGIES, described

        found = list(described(defaults or {}, find_unused()))
        if as_json:
            listed = [asdict(one) for one in found]
            print_json({"settings": listed, "strategies": dict(STRATEGIES)})
            return
        for family, members in groupby(found, key=lambda one: one.family):
            show_table(_table(family, list(members)))
        show_table(_strategies(STRATEGIES))
        results().print(
            "One is given with --set NAME=VALUE, several in a TOML file with --config.",
            markup=False,
        )


def _table(family: str, members: Sequence[Described]) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

    needs = [one.needs for one in members]
    columns = [Column("setting", no_wrap=True), Column("default", no_wrap=True), Column("what")]
    table = Table(*columns, title=family, title_justify="left")
    if any(needs):
        table.add_column("needs")
    for one, need in zip(members, needs, strict=True):
        row = (one.name, _written(one.default), escape(one.text), need)
        table.add_row(*row[: len(table.columns)])
    return table


def _strategies(strategies: Mapping[str, str]) -> Table:
    from rich.table import Column, Table

    table = Table(
        Column("strategy", no_wrap=True), "what", title="Strategies", title_justify="left"
    )
    for row in strategies.items():
        table.add_row(*row)
    return table


def _written(default: object) -> str:
    """As it would be given to `--set`."""
    if default is None:
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)
