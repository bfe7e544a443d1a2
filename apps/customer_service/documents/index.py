"""Search over passages: by their sentences as vectors, under their headings, and by their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.words import PassageWords
from common.records.personal import prepare

Floats = NDArray[np.float32]
Read = Callable[[Sequence[str]], Floats]

# On the development questions about the sample documents as good as any: the right passage came
# first for 49.1 % of 218, and for 45.9 % with .6 and .4 and nothing of the whole document. Vectors
# of headings, of whole passages, of clauses and of neighbouring sentences added nothing to these.
SENTENCE_WEIGHT, LEXICAL_WEIGHT, WHOLE_WEIGHT = 0.5, 0.2, 0.3
# An introduction is about all that stands under its document's headings, and answers little of it.
INTRODUCTION = 0.1
HITS = 10
# Where all passages are nearly alike, none stands out.
LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        row: of the passage.
        score: fused, at most 1.
        standing: how far that is above the mean of all that was searched, in standard deviations.
    """

    row: int
    score: float
    standing: float


class PassageIndex:
    """Passages in memory.

    Args:
        sentences: [sentences, width], those of all passages, in their order: each the mean of what
            it is alone and under its headings.
        words: what is to be found by them; None: it is made.
    """

    def __init__(
        self, passages: Sequence[Passage], sentences: Floats, words: PassageWords | None = None
    ) -> None:
        self.passages = list(passages)
        self.sentences = sentences
        counts = [len(passage.sentences) for passage in self.passages]
        self._starts = np.cumsum([0, *counts[:-1]])
        self.words = words or PassageWords.of(self.passages)
        self._introduction = np.array([not passage.headings for passage in self.passages])
        self._languages = np.array([passage.language for passage in self.passages])

    @classmethod
    def build(cls, passages: Sequence[Passage], read: Read) -> PassageIndex:
        """Index passages.

        Args:
            read: prepared texts → their vectors [texts, width].
        """
        alone = [prepare(one) for passage in passages for one in passage.sentences]
        headed = [
            prepare(f"{passage.heading}: {one}")
            for passage in passages
            for one in passage.sentences
        ]
        vectors = read([*alone, *headed])
        mean = (vectors[: len(alone)] + vectors[len(alone) :]) / 2
        return cls(passages, np.asarray(mean, dtype=np.float32))

    def search(
        self,
        question: str,
        vector: Floats,
        *,
        language: str | None = None,
        but: Sequence[int] = (),
    ) -> list[Hit]:
        """The best passages for a prepared question, best first.

        Args:
            vector: [width], its embedding.
            language: of the passages, if there are any of it.
            but: rows that are left out.
        """
        sentence = np.maximum.reduceat(self.sentences @ vector, self._starts)
        lexical, whole = self.words.scores(question)
        fused = (
            SENTENCE_WEIGHT * sentence
            + LEXICAL_WEIGHT * lexical
            + WHOLE_WEIGHT * whole
            - INTRODUCTION * self._introduction
        )
        searched = np.ones(len(fused), dtype=bool)
        if language in self._languages:
            searched = self._languages == language
        searched[list(but)] = False
        rows = np.flatnonzero(searched)
        if not len(rows):
            return []
        standing = (fused - fused[rows].mean()) / max(float(fused[rows].std()), LEAST_SPREAD)
        best = rows[np.argsort(-fused[rows], kind="stable")[:HITS]]
        return [Hit(int(row), float(fused[row]), float(standing[row])) for row in best]

    def similarities(self, row: int, vector: Floats) -> NDArray[np.float64]:
        """[sentences of the passage], how near each is to a question; at most 1."""
        start = self._starts[row]
        own = self.sentences[start : start + len(self.passages[row].sentences)]
        return np.asarray(own @ vector, dtype=np.float64)
