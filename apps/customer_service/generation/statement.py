"""A text as statements: its sentences and clauses, with their words, quantities and turns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from apps.customer_service.generation.quantities import Quantity, quantities
from apps.customer_service.generation.wording import Wording, load_wording
from common.records.text import normalise

SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；;])|\n")
CLAUSE_END = re.compile(
    r"[,:](?!\d)\s*|[;!?。、|()「」]|\.(?=\s|$)|\s(?:and|but|or|so|because)\s|[并且而]"
)


# Written with a capital where no sentence begins: a name, which is kept as it is written.
NAME = re.compile(r"(?<=[^.!?] )[A-Z][A-Za-z0-9]+")


@dataclass(frozen=True)
class Clause:
    """A stretch without a comma, canonically written.

    Attributes:
        words: what it claims, by their beginnings; of a quantity its value, after a `#`.
        names: as they are written.
        classes: name → how often a class of `wording.toml` is said.
    """

    text: str
    words: Sequence[str]
    names: Sequence[str]
    quantities: Sequence[Quantity]
    classes: Mapping[str, int]


@dataclass(frozen=True)
class Statement:
    """A sentence, canonically written."""

    text: str
    clauses: Sequence[Clause]

    @cached_property
    def words(self) -> list[str]:
        """Those of all clauses, in order."""
        return [word for clause in self.clauses for word in clause.words]

    @cached_property
    def names(self) -> list[str]:
        """Those of all clauses, in order."""
        return [name for clause in self.clauses for name in clause.names]

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Those of the whole: a range may reach over a clause's end."""
        return quantities(self.text)

    @cached_property
    def classes(self) -> dict[str, int]:
        """Name → how often a class is said."""
        return load_wording().classes_of(self.text)


def statements(text: str) -> list[Statement]:
    """The sentences of a text."""
    wording = load_wording()
    # Lines are rows of a table, which normalising would join.
    pieces = [normalise(one) for line in text.splitlines() for one in SENTENCE_END.split(line)]
    return [Statement(wording.canonical(one), _clauses(one, wording)) for one in pieces if one]


def _clauses(text: str, wording: Wording) -> list[Clause]:
    names = {match.start(): match[0] for match in NAME.finditer(text)}
    found = []
    start = 0
    for end in [*CLAUSE_END.finditer(text), None]:
        stop = end.start() if end else len(text)
        if piece := wording.canonical(text[start:stop]):
            own = [name for place, name in names.items() if start <= place < stop]
            named = quantities(piece)
            words = [*wording.words(piece), *(f"#{q.value}" for q in named if q.kind != "rate")]
            found.append(Clause(piece, words, own, named, wording.classes_of(piece)))
        start = end.end() if end else stop
    return found


def rarity(clauses: Collection[Clause]) -> dict[str, float]:
    """Word → how much it tells, among these clauses: log(1 + n / n with the word)."""
    seen = Counter(word for clause in clauses for word in set(clause.words))
    return {word: log(1 + len(clauses) / count) for word, count in seen.items()}
