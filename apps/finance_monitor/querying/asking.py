"""One question in SQL, put to what a monitor keeps; nothing is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.finance_monitor.querying.asking_sqlite import ask_sqlite
from apps.finance_monitor.state.opening import Place
from common.errors import UserError

LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """Rows of named columns."""

    columns: list[str]
    rows: list[tuple[object, ...]]

    def records(self) -> list[dict[str, object]]:
        """A mapping a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(place: Place, query: str, most: int | None = None) -> Answer:
    """What a query, in the SQL of the database, says of the tables that may be asked.

    Args:
        place: of a monitor; it may be at work.
        most: rows that are read at most; None: all.

    Raises:
        UserError: it is no single query, asks for what is not there, would write, or takes longer
            than LONGEST_SECONDS.
    """
    if isinstance(place, Path):
        names, rows = ask_sqlite(place, query, most, LONGEST_SECONDS)
    else:
        from apps.finance_monitor.querying.asking_postgresql import ask_postgresql

        names, rows = ask_postgresql(place, query, most, LONGEST_SECONDS)
    if not names:
        raise UserError("no query", hint="It begins with SELECT or WITH.")
    return Answer(_distinct(names), [tuple(map(_cell, row)) for row in rows])


def _cell(cell: object) -> object:
    """Empty where it is no finite number: neither JSON nor a sheet has one."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names, of which a query may have the same twice: the second is called `name_2`."""
    found: list[str] = []
    for name in names:
        count, free = 1, name
        while free in found:
            count += 1
            free = f"{name}_{count}"
        found.append(free)
    return found
