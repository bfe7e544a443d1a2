"""What is said of one decision: the words that moved it, and what it was learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from common.evaluation.explanation.attribution import Attribution
from common.evaluation.explanation.neighbours import Neighbour


@dataclass(frozen=True)
class Explanation:
    """Why a release decides so of a text.

    Attributes:
        text: the one that the places of the words are of.
        attributions: one for each score that is explained; there may be none.
        neighbours: the nearest training texts.
        shared: words that the text has in common with what was found, where words are searched.
        sentences: `customer` and `auditor` → language → what was decided, in a sentence or two.
    """

    release_id: str
    text: str
    attributions: list[Attribution]
    neighbours: list[Neighbour]
    shared: Sequence[str] = field(default_factory=list)
    sentences: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
