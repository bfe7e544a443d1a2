"""Doubtful labels of a user's own files, as a table to correct."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.tuning.labelling.suspects import find_suspects, labels_to_doubt

if TYPE_CHECKING:
    from rich.table import Table

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
SHOWN = 20


@dataclass(frozen=True)
class Labelled:
    """A labelled text; without a `place` it is learned from, but not doubted."""

    text: str
    labels: tuple[str, ...]
    place: str | None


@dataclass(frozen=True)
class Field:
    """What a column labels; `several`: any number of labels a text, rather than one."""

    name: str
    records: list[Labelled]
    several: bool = False


@dataclass(frozen=True)
class Doubt:
    """A label that is probably wrong, `quality` from 0 (surely) to 1, and what may be right."""

    place: str
    field: str
    text: str
    given: str
    likely: str
    quality: float

    def row(self) -> dict[str, Any]:
        """Of the table to correct: `label` is what a person edits."""
        quality = round(self.quality, 4)
        return {**vars(self), "quality": quality, "label": self.given}


def find_doubts(fields: Sequence[Field], encode: Encode, *, seed: int = 0) -> list[Doubt]:
    """The doubtful labels of all fields, the worst first.

    Args:
        encode: texts → [texts, width], the vectors of an encoder that has not learned them.

    Raises:
        UserError: no field has two labels with a few texts each.
    """
    known = [field for field in fields if field.records]
    if not known:
        raise UserError("no labels: nothing to doubt", hint="Name the column: --map FIELD=COLUMN")
    # A field of one label alone is left aside, unless there is no other.
    usable = [f for f in known if len(labels_to_doubt([one.labels for one in f.records])) > 1]
    found = []
    for field in usable or known:
        records = field.records
        texts = [one.text for one in records]
        labels = [one.labels for one in records]
        suspects = find_suspects(texts, labels, encode(texts), several=field.several, seed=seed)
        for suspect in suspects:
            one = records[suspect.row]
            if one.place is not None:
                given, likely = ("|".join(sorted(its)) for its in (one.labels, suspect.likely))
                found.append(Doubt(one.place, field.name, one.text, given, likely, suspect.quality))
    return sorted(found, key=lambda one: one.quality)


def doubts_table(doubts: Sequence[Doubt], checked: int) -> Table:
    """The worst of them, for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    more = f", the worst {SHOWN}" if len(doubts) > SHOWN else ""
    title = f"{len(doubts):,} suspect labels of {checked:,}{more}"
    table = Table(title=title, title_justify="left")
    table.add_column("place", no_wrap=True)
    for name in ("text", "given", "likely", "quality of the given"):
        table.add_column(name)
    for one in doubts[:SHOWN]:
        cells = (one.place, one.text, one.given, one.likely or "none", f"{one.quality:.3f}")
        table.add_row(*map(escape, cells))
    return table
