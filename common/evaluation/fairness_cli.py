"""Options of `evaluate` that split a figure by group."""

from __future__ import annotations

from typing import Annotated

import typer

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="Compare groups: language, segment … or a column of the file; several by commas.",
    ),
]
FigureName = Annotated[
    str | None,
    typer.Option("--figure", help="What --by compares; default: what the gate goes by."),
]
