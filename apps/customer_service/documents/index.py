"""Search over passages: by their sentences as vectors, under their headings, and by their words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.lexical import LexicalIndex, write_lexical
from apps.customer_service.documents.passage import Passage
from common.files import read_json, write_json
from common.records.personal import prepare
from common.records.text import CHINESE, words

Floats = NDArray[np.float32]
Read = Callable[[Sequence[str]], Floats]

# On the development questions about the sample documents as good as any; vectors of headings, of
# whole passages and of neighbouring sentences added nothing to these.
SENTENCE_WEIGHT, LEXICAL_WEIGHT = 0.6, 0.4
# An introduction is about all that stands under its document's headings, and answers little of it.
INTRODUCTION = 0.1
LEXICAL_DEPTH = 200
LEXICAL, RARITY = "lexical", "rarity.json"
HITS = 10


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        row: of the passage.
        score: fused, at most 1.
        sentence: similarity of the nearest one.
        lexical: 0 to 1.
    """

    row: int
    score: float
    sentence: float
    lexical: float


@dataclass(frozen=True)
class PassageWords:
    """The words of passages.

    Attributes:
        rarity: of each key, the logarithm of how few passages have it.
    """

    lexical: LexicalIndex
    rarity: Mapping[str, float]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Self:
        """Read passages."""
        texts = [_text_of(passage) for passage in passages]
        return cls(LexicalIndex(texts), _rarity(texts))

    @classmethod
    def load(cls, directory: Path, passages: Sequence[Passage]) -> Self:
        """What `write_words` wrote of the same passages."""
        if not (directory / RARITY).exists():
            return cls.of(passages)
        texts = _Texts(passages)
        return cls(LexicalIndex(texts, directory / LEXICAL), read_json(directory / RARITY))


class PassageIndex:
    """Passages in memory.

    Args:
        sentences: [sentences, width], those of all passages, in their order: each the mean of what
            it is alone and under its headings.
        words: what is to be found by them; None: it is made.
        unprojection: as `unprojection_of` has it, by which `sentences` went through already and
            questions go; None: embeddings are compared as they are.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        sentences: Floats,
        words: PassageWords | None = None,
        unprojection: Floats | None = None,
    ) -> None:
        self.passages = list(passages)
        self.sentences = sentences
        self.unprojection = unprojection
        counts = [len(passage.sentences) for passage in self.passages]
        self._starts = np.cumsum([0, *counts[:-1]])
        self._words = words or PassageWords.of(self.passages)
        self._introduction = np.array([not passage.headings for passage in self.passages])
        self._languages = np.array([passage.language for passage in self.passages])

    @classmethod
    def build(
        cls, passages: Sequence[Passage], read: Read, unprojection: Floats | None = None
    ) -> PassageIndex:
        """Index passages.

        Args:
            read: prepared texts → their embeddings [texts, width].
        """
        alone = [prepare(one) for passage in passages for one in passage.sentences]
        headed = [
            prepare(f"{passage.heading}: {one}")
            for passage in passages
            for one in passage.sentences
        ]
        vectors = _unprojected(read([*alone, *headed]), unprojection)
        mean = (vectors[: len(alone)] + vectors[len(alone) :]) / 2
        return cls(passages, np.asarray(mean, dtype=np.float32), unprojection=unprojection)

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
        vector = _unprojected(vector, self.unprojection)
        sentence = np.maximum.reduceat(self.sentences @ vector, self._starts)
        lexical = np.zeros(len(self.passages))
        for row, score in self._words.lexical.search(question, LEXICAL_DEPTH, lambda _: True):
            lexical[row] = score
        fused = (
            SENTENCE_WEIGHT * sentence
            + LEXICAL_WEIGHT * lexical
            - INTRODUCTION * self._introduction
        )  # fmt: skip
        searched = np.ones(len(fused), dtype=bool)
        if language in self._languages:
            searched = self._languages == language
        searched[list(but)] = False
        rows = np.flatnonzero(searched)
        rows = rows[np.argsort(-fused[rows], kind="stable")[:HITS]]
        return [
            Hit(
                row=int(row),
                score=float(fused[row]),
                sentence=float(sentence[row]),
                lexical=float(lexical[row]),
            )
            for row in rows
        ]

    def similarities(self, row: int, vector: Floats) -> NDArray[np.float64]:
        """[sentences of the passage], how near each is to a question; at most 1."""
        start = self._starts[row]
        own = self.sentences[start : start + len(self.passages[row].sentences)]
        return np.asarray(own @ _unprojected(vector, self.unprojection), dtype=np.float64)

    def share(self, question: str, known: set[str]) -> float:
        """The share of a question's words that are among `known`; rare words count more."""
        most = log(1 + len(self.passages))
        weight = {word: self._words.rarity.get(word, most) for word in keys(question)}
        whole = sum(weight.values())
        return sum(weight[word] for word in weight if word in known) / whole if whole else 0.0


def unprojection_of(projection: Floats) -> Floats:
    """[width, width], which takes embeddings back to what the encoder made, but for their length.

    A projection draws together what one FAQ answers, and passages are found better without that.

    Args:
        projection: [width, width], of a release.
    """
    return np.asarray(np.linalg.pinv(projection), dtype=np.float32)


def _unprojected(vectors: Floats, unprojection: Floats | None) -> Floats:
    if unprojection is None:
        return vectors
    found = np.asarray(vectors @ unprojection.T, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=-1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-12), dtype=np.float32)


def keys(text: str) -> set[str]:
    """What two texts have in common: words in Latin letters by their beginnings, and characters."""
    stems = {word[:5] for word in words(text) if not CHINESE.search(word)}
    characters = CHINESE.findall(text)
    return stems | {a + b for a, b in pairwise(characters)}


def write_words(passages: Sequence[Passage], directory: Path) -> None:
    """Index the words of passages into a directory, for `PassageWords.load`."""
    texts = [_text_of(passage) for passage in passages]
    write_lexical(texts, directory / LEXICAL)
    write_json(directory / RARITY, _rarity(texts))


class _Texts(Sequence[str]):
    """The texts of passages, none of which is made unless it is read."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages

    def __len__(self) -> int:
        return len(self._passages)

    def __getitem__(self, row: Any) -> Any:
        return _text_of(self._passages[row])


def _rarity(texts: Sequence[str]) -> dict[str, float]:
    seen = Counter(word for text in texts for word in keys(text))
    return {word: log(1 + len(texts) / count) for word, count in seen.items()}


def _text_of(passage: Passage) -> str:
    return prepare(" ".join([passage.heading, *passage.sentences]))
