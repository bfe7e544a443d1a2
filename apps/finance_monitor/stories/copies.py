"""Syndicated and lightly edited copies of one story, found by MinHash over character shingles.

Broder 1997, "On the resemblance and containment of documents": the share of equal minima estimates
the Jaccard similarity of the shingle sets. Copies count once for surges. A word turns a headline
round ("profit rises", "profit falls") and hardly changes its shingles, so that what a story is read
as decides with them: a copy says nothing that its original does not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Literal
from zlib import crc32

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from apps.finance_monitor.schema import ScoredRecord, Sentiment
from common.records.fields import content_hash
from common.records.text import CHINESE, fold

PERMUTATIONS = 64
SCHEME: Literal["affine32"] = "affine32"
COPY_FROM = 0.6
# Less alike than a copy, but reported before: it lessens the novelty.
SIMILAR_FROM = 0.4
SHINGLE, CHINESE_SHINGLE = 4, 2  # characters
MOST_HELD = 200_000
# Of a word or two there are no shingles to compare.
LEAST_CHARACTERS = 12


# How a story speaks of its matter, under "", and of each company; None: it is in two minds.
Said = Mapping[str, "Sentiment | None"]


@dataclass(frozen=True)
class Resemblance:
    """What a text repeats, if anything, and how new it is, from 1 to 0."""

    duplicate_of: str | None
    novelty: float


@dataclass(frozen=True)
class _Held:
    time: float
    signature: MinHash
    entities: frozenset[str]
    said: Said


class Duplicates:
    """The originals of the last while, to compare with.

    Args:
        window: how long a story is remembered, seconds of event time.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._oldest = -inf
        self._index = MinHashLSH(threshold=SIMILAR_FROM, num_perm=PERMUTATIONS)

    def __len__(self) -> int:
        return len(self._held)

    def compare(
        self, signature: NDArray[np.uint32] | None, entities: Sequence[str], said: Said
    ) -> Resemblance:
        """What the story with this signature repeats.

        A story of other companies is never a copy: agencies write of many in the same words. Nor is
        one that says something else, however alike.
        """
        if signature is None:
            return Resemblance(None, 1.0)
        minhash = _minhash(signature)
        best, similarity = None, 0.0
        for name in sorted(self._index.query(minhash)):
            held = self._held[name]
            if held.time < self._oldest or held.entities != frozenset(entities):
                continue
            if not _repeats(said, held.said):
                continue
            alike = float(held.signature.jaccard(minhash))
            if alike > similarity:
                best, similarity = name, alike
        novelty = round(1 - similarity, 2)
        return Resemblance(best if similarity >= COPY_FROM else None, novelty)

    def add(
        self,
        name: str,
        signature: NDArray[np.uint32] | None,
        time: float,
        entities: Sequence[str],
        said: Said,
    ) -> None:
        """Remember an original."""
        if signature is None or name in self._held:
            return
        minhash = _minhash(signature)
        self._held[name] = _Held(time, minhash, frozenset(entities), said)
        self._index.insert(name, minhash)

    def forget_before(self, now: float) -> None:
        """Let go of what is older than the window at event time `now`, in the order it came."""
        self._oldest = now - self._window
        while self._held:
            name = next(iter(self._held))
            if len(self._held) <= MOST_HELD and self._held[name].time >= self._oldest:
                return
            del self._held[name]
            self._index.remove(name)


def said_in(story: ScoredRecord) -> Said:
    """What a story was read as."""
    said: dict[str, Sentiment | None] = {"": story.sentiment.label}
    return said | {target.entity: target.sentiment for target in story.targets}


def contradicts(one: Said, other: Said) -> bool:
    """Whether one is good news where the other is bad."""
    return any({label, other.get(name)} == {"positive", "negative"} for name, label in one.items())


def _repeats(said: Said, before: Said) -> bool:
    return all(label in {None, before.get(name)} for name, label in said.items())


def text_key(text: str, entities: Sequence[str], read_by: Sequence[str] = ()) -> str:
    """The same for all stories that a model cannot tell apart.

    Args:
        text: as `prepare` has it. Folded further, "+5 %" and "-5 %" would be one.
        read_by: the release and its rules: another one may read the text otherwise.
    """
    return content_hash(text, *sorted(entities), *read_by)


def signature_of(text: str) -> NDArray[np.uint32] | None:
    """[PERMUTATIONS] minima of the text's shingles; None of a text that is too short."""
    folded = fold(text)
    chinese = bool(CHINESE.search(folded))
    if len(folded) < (LEAST_CHARACTERS // 2 if chinese else LEAST_CHARACTERS):
        return None
    size = CHINESE_SHINGLE if chinese else SHINGLE
    shingles = {folded[i : i + size].encode() for i in range(len(folded) - size + 1)}
    minhash = _empty().copy()
    minhash.update_batch(sorted(shingles))
    values: NDArray[np.uint32] = minhash.hashvalues
    return values


@cache
def _empty() -> MinHash:
    return MinHash(num_perm=PERMUTATIONS, hashfunc=crc32, scheme=SCHEME)


def _minhash(signature: NDArray[np.uint32]) -> MinHash:
    empty = _empty()
    return MinHash(
        num_perm=PERMUTATIONS,
        hashfunc=crc32,
        hashvalues=signature,
        permutations=empty.permutations,
        scheme=SCHEME,
    )
