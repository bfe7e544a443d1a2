"""Which sentences and clauses of a source a sentence goes by, and how much of it they have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from apps.customer_service.generation.statement import Clause, Statement
from apps.customer_service.generation.wording import load_wording
from common.records.text import CHINESE

# A second sentence of the source is looked at where it covers so much more of the words.
SECOND_SENTENCE = 0.15
# Clauses of the source that share so much of what the nearest one shares may be meant as well.
AS_NEAR = 0.85
# Two words follow each other where so few stand between them.
FOLLOWING = 4


def worst(shared: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The worst of each share, over several sentences."""
    covered, least, order = zip(*shared, strict=True) if shared else ([0.0], [0.0], [0.0])
    return min(covered), min(least), min(order)


def coverage(
    words: Sequence[str], some: Sequence[Statement], weight: dict[str, float], most: float
) -> float:
    """The share of words that some sentences have, by what each tells; what is light may lack."""
    known = Known(some)
    light = load_wording().light
    counted = [word for word in words if word not in light or word in known]
    whole = sum(weight.get(word, most) for word in counted)
    return (
        sum(weight.get(word, most) for word in counted if word in known) / whole if whole else 1.0
    )


class Known:
    """The words of some sentences; a Chinese one may be segmented otherwise there."""

    def __init__(self, some: Sequence[Statement]) -> None:
        self._words = {word for one in some for word in one.words}
        self._text = " ".join(one.text for one in some)

    def __contains__(self, word: str) -> bool:
        if word in self._words:
            return True
        if not CHINESE.search(word):
            return False
        pieces = [a + b for a, b in pairwise(word)] or [word]
        return all(piece in self._text for piece in pieces)


def aligned_with(
    words: Sequence[str], known: Sequence[Statement], weight: dict[str, float], most: float
) -> list[Statement]:
    """The sentence of the source that covers most of the words; two, where both are needed."""
    if not known:
        return []
    alone = max(known, key=lambda one: coverage(words, [one], weight, most))
    covered = coverage(words, [alone], weight, most)
    pairs = [list(pair) for pair in combinations(known, 2)]
    if pairs:
        both = max(pairs, key=lambda pair: coverage(words, pair, weight, most))
        if coverage(words, both, weight, most) - covered >= SECOND_SENTENCE:
            return both
    return [alone]


def shared_with(
    said: Statement, aligned: Sequence[Statement], weight: dict[str, float], most: float
) -> tuple[float, float, float]:
    """The share of words that the source has; the same of the clause that fares worst beside one
    clause of the source; and the share of neighbouring words that follow each other there, too.
    """
    theirs = [Statement(clause.text, [clause]) for one in aligned for clause in one.clauses]
    least = min(
        (
            max((coverage(one.words, [other], weight, most) for other in theirs), default=0.0)
            for one in said.clauses
        ),
        default=1.0,
    )
    order = [word for one in aligned for word in one.words]
    place = {word: [n for n, other in enumerate(order) if other == word] for word in order}
    both = [(a, b) for a, b in pairwise(said.words) if a in place and b in place]
    kept = sum(
        any(0 < second - first <= FOLLOWING for first in place[a] for second in place[b])
        for a, b in both
    )
    return (
        coverage(said.words, aligned, weight, most),
        least,
        kept / len(both) if both else 1.0,
    )


def nearest(clause: Clause, aligned: Sequence[Statement], weight: dict[str, float]) -> list[Clause]:
    """The clauses of the source that share most with a clause."""
    words = set(clause.words)
    others = [other for one in aligned for other in one.clauses]
    shared = [sum(weight.get(word, 0.0) for word in words & {*one.words}) for one in others]
    most = max(shared, default=0.0)
    return [
        one for one, much in zip(others, shared, strict=True) if most and much >= AS_NEAR * most
    ]


def near_sentences(
    clause: Clause, known: Sequence[Statement], weight: dict[str, float], most: float
) -> list[Statement]:
    """The sentences of the source that have most of a clause's words."""
    covered = [coverage(clause.words, [one], weight, most) for one in known]
    best = max(covered, default=0.0)
    return [one for one, much in zip(known, covered, strict=True) if much >= AS_NEAR * best > 0]
