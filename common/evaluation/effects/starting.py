"""A table of decisions and a graph to begin with, from what an application has logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.console import say
from common.errors import UserError
from common.files import write_atomically
from common.records.writing import write_table

DECISIONS, GRAPH = "decisions.csv", "graph.toml"


def write_log(out: Path, rows: Sequence[Mapping[str, Any]], graph: str) -> None:
    """Write both into the directory `out`, as `effect` reads them.

    A graph that is there already stays: somebody may have added what they know.

    Args:
        rows: one a decision.
        graph: TOML, as `read_graph` reads it.

    Raises:
        UserError: `out` cannot be such a directory.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(
            f"no directory to write into: {error.strerror}",
            where=str(out),
            hint="Name a new directory.",
        ) from None
    table, drawn = out / DECISIONS, out / GRAPH
    write_table(table, rows)
    if drawn.exists():
        say(f"{drawn} is there already and stays as it is.")
    else:
        write_atomically(drawn, graph)
    say(f"{len(rows):,} decisions: {table}")
    say(f"Look the graph over, then: python -m apps effect {table} --graph {drawn}")
