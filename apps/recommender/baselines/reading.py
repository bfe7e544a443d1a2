"""What a model has to beat: methods that read texts, and learn nothing from users."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories

Scores = NDArray[np.float32]


class Bm25:
    """The texts of a history as one question to the texts of all items.

    Robertson & Zaragoza 2009, with an inverse document frequency that is never negative.

    Args:
        forgetting: by how much an item's words weigh less than those of the one after it.
    """

    name = "BM25"

    def __init__(self, forgetting: float = 1.0, *, k1: float = 1.2, b: float = 0.75) -> None:
        self.forgetting = forgetting
        self.k1 = k1
        self.b = b

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Count and weigh the words of all texts; events play no part."""
        from sklearn.feature_extraction.text import CountVectorizer

        from common.records.text import words

        vectorizer = CountVectorizer(analyzer=words, dtype=np.float32)
        if any(words(text) for text in catalogue.texts):
            self.words = vectorizer.fit_transform(catalogue.texts)
            self.documents = self._weighed(self.words.copy()).T.tocsr()
        else:
            self.words = np.zeros((len(catalogue), 0), np.float32)
            self.documents = self.words.T

    def _weighed(self, documents: Any) -> Any:
        """CSR [items, words], counts → weights."""
        number, length = documents.shape[0], np.asarray(documents.sum(1)).ravel()
        occurs = np.bincount(documents.indices, minlength=documents.shape[1])
        rarity = np.log1p((number - occurs + 0.5) / (occurs + 0.5)).astype(np.float32)
        patience = self.k1 * (1 - self.b + self.b * length / length.mean())
        of = np.repeat(np.arange(number), np.diff(documents.indptr))
        count = documents.data
        weights = count * (self.k1 + 1) / (count + patience[of]) * rarity[documents.indices]
        documents.data = weights.astype(np.float32)
        return documents

    def scores(self, histories: Histories) -> Scores:
        """Sums of the weights of the words of all events, each as often as it occurs there."""
        from scipy import sparse

        there = histories.item >= 0
        row, place = np.nonzero(there)
        weight = self.forgetting ** np.arange(there.shape[1])[::-1][place]
        pairs = row, histories.item[row, place]
        shape = len(histories), self.words.shape[0]
        question = sparse.csr_matrix((weight.astype(np.float32), pairs), shape) @ self.words
        found = question @ self.documents
        return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), np.float32)


class FrozenEncoder:
    """Cosine of an item's vector to the mean vector of a history, the latest items weighing most.

    Args:
        vectors: float32 [items, width], by an encoder as it was before any fine-tuning.
        forgetting: by how much an item weighs less than the one after it.
    """

    name = "frozen encoder"

    def __init__(self, vectors: Scores, forgetting: float = 0.9) -> None:
        self.vectors = _normalised(vectors)
        self.forgetting = forgetting

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Nothing is learned; the vectors have to be those of the catalogue."""
        if len(self.vectors) != len(catalogue):
            raise ValueError("give one vector for each item of the catalogue")

    def scores(self, histories: Histories) -> Scores:
        """Cosines; 0 for an empty history."""
        there = histories.item >= 0
        weight = there * self.forgetting ** np.arange(there.shape[1])[::-1]
        mean = np.einsum("rl,rlw->rw", weight, self.vectors[histories.item], optimize=True)
        return np.asarray(_normalised(mean.astype(np.float32)) @ self.vectors.T, np.float32)


def _normalised(vectors: Scores) -> Scores:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length, length, 1.0), np.float32)
