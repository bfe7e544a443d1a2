"""The words of passages and of whole documents, and how rare each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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

Scores = NDArray[np.float64]

PASSAGES_FOUND, DOCUMENTS_FOUND = 200, 50
LEXICAL, WHOLE, RARITY = "lexical", "whole", "rarity.json"


@dataclass(frozen=True)
class PassageWords:
    """What passages are found by beside vectors.

    Attributes:
        passages: their words, each under its headings.
        documents: those of all passages of a document together, in the order of `rows_of`.
        owner: [passages], the number of each one's document.
        rarity: of each key, the logarithm of how few passages have it.
    """

    passages: LexicalIndex
    documents: LexicalIndex
    owner: NDArray[np.int64]
    rarity: Mapping[str, float]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Self:
        """Read passages."""
        texts = [_text_of(passage) for passage in passages]
        rows = rows_of(passages)
        whole = _Whole(texts, list(rows.values()))
        return cls(LexicalIndex(texts), LexicalIndex(whole), _owners(rows), _rarity(texts))

    @classmethod
    def load(cls, directory: Path, passages: Sequence[Passage]) -> Self:
        """What `write_words` wrote of the same passages."""
        if not (directory / RARITY).exists():
            return cls.of(passages)
        texts, rows = _Texts(passages), rows_of(passages)
        return cls(
            LexicalIndex(texts, directory / LEXICAL),
            LexicalIndex(_Whole(texts, list(rows.values())), directory / WHOLE),
            _owners(rows),
            read_json(directory / RARITY),
        )

    def scores(self, question: str) -> tuple[Scores, Scores]:
        """[passages] twice, 0 to 1: by each one's words, and by those of its whole document."""
        own = _scores(self.passages, question, len(self.owner), PASSAGES_FOUND)
        whole = _scores(self.documents, question, int(self.owner.max()) + 1, DOCUMENTS_FOUND)
        return own, whole[self.owner]

    def share(self, question: str, known: set[str]) -> float:
        """The share of a question's words that are among `known`; rare words count more."""
        most = log(1 + len(self.owner))
        weight = {word: self.rarity.get(word, most) for word in keys(question)}
        total = sum(weight.values())
        return sum(weight[word] for word in weight if word in known) / total if total else 0.0


def keys(text: str) -> set[str]:
    """What two texts have in common: words in Latin letters by their beginnings, and characters."""
    stems = {word[:5] for word in words(text) if not CHINESE.search(word)}
    characters = CHINESE.findall(text)
    return stems | {a + b for a, b in pairwise(characters)}


def rows_of(passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Document → the rows of its passages."""
    rows: dict[str, list[int]] = {}
    for row, passage in enumerate(passages):
        rows.setdefault(passage.document, []).append(row)
    return rows


def write_words(passages: Sequence[Passage], directory: Path) -> None:
    """Index the words of passages into a directory, for `PassageWords.load`."""
    texts = [_text_of(passage) for passage in passages]
    write_lexical(texts, directory / LEXICAL)
    write_lexical(_Whole(texts, list(rows_of(passages).values())), directory / WHOLE)
    write_json(directory / RARITY, _rarity(texts))


class _Texts(Sequence[str]):
    """The texts of passages, none of which is made unless it is read."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages

    def __len__(self) -> int:
        return len(self._passages)

    def __getitem__(self, row: Any) -> Any:
        return _text_of(self._passages[row])


class _Whole(Sequence[str]):
    """The texts of documents, likewise."""

    def __init__(self, texts: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
        self._texts = texts
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: Any) -> Any:
        return " ".join(self._texts[row] for row in self._rows[number])


def _scores(index: LexicalIndex, question: str, count: int, depth: int) -> Scores:
    scores = np.zeros(count)
    for row, score in index.search(question, depth, lambda _: True):
        scores[row] = score
    return scores


def _owners(rows: Mapping[str, Sequence[int]]) -> NDArray[np.int64]:
    owner = np.zeros(sum(map(len, rows.values())), dtype=np.int64)
    for number, own in enumerate(rows.values()):
        owner[list(own)] = number
    return owner


def _rarity(texts: Sequence[str]) -> dict[str, float]:
    seen = Counter(word for text in texts for word in keys(text))
    return {word: log(1 + len(texts) / count) for word, count in seen.items()}


def _text_of(passage: Passage) -> str:
    return prepare(" ".join([passage.heading, *passage.sentences]))
