"""The verb `new` of `python -m apps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.new.writing import Kind, write_application
from common.cli import new_app
from common.console import results

verbs = new_app("Your own application.")


@verbs.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and _.")],
    kind: Annotated[
        Kind,
        typer.Option(
            help="classify: texts → labels; retrieve: questions → passages; rank: candidates in "
            "order for a text."
        ),
    ],
    into: Annotated[
        Path, typer.Option(help="The directory that it is written into; within ours: apps.")
    ] = Path(),
) -> None:
    """Write an application of your own, which trains, serves and is tested at once."""
    written = write_application(name, kind, into)
    lines = (
        f"{written.package}: {kind}. Its table looks like {written.package / 'example.csv'}.",
        f"From {written.top}:",
        f"  python -m {written.module} train --examples YOUR.csv",
        f"  python -m pytest {written.test.relative_to(written.top)}",
    )
    results().print("\n".join(lines), markup=False, soft_wrap=True)
