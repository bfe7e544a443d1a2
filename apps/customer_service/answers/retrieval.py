"""Search over every way an FAQ has been asked: vectors and words, fused into one ranking."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.languages.across import Across
from apps.customer_service.answers.languages.foreign import ForeignSearch
from apps.customer_service.answers.lexical import LexicalIndex, write_lexical
from apps.customer_service.answers.naming import Naming
from apps.customer_service.answers.wordings import (
    NEIGHBOURS,
    bare,
    best,
    known_wordings,
    pooled,
    with_prototype,
)
from common.records.spoken.language import primary

Floats = NDArray[np.float32]

# Up to here a flat index is exact and fast enough; above, HNSW.
FLAT_VECTORS = 20_000
HNSW_LINKS = 32
# Variants fetched from each search; FAQs have some ten of them.
DEPTH = 60
# Share of the lexical score in the fused one. A convex combination of scores ranks better than
# reciprocal ranks do (Bruch et al. 2022, arXiv 2210.11934). On the sample data's validation
# questions 0.3 and 0.4 were as good; with two typing errors in each, 0.4 put a point more right.
LEXICAL_WEIGHT = 0.4


@dataclass(frozen=True)
class Variant:
    """One text by which an FAQ is found, normalised."""

    text: str
    faq_id: str
    language: str
    is_answer: bool = False


@dataclass(frozen=True)
class Candidate:
    """One FAQ in the ranking.

    `score` is the fused one, 0 to 1, of all its variants, and ranks; the others tell how sure it
    is, which its best variant tells better: `dense` a cosine (of its nearest variant and its
    prototype, `prototype` alone); `lexical` 0 to 1; `neighbours` its share of the nearest variants.
    `is_foreign`: in another language than was asked, and found by its vectors across languages.
    """

    faq_id: str
    score: float
    dense: float
    prototype: float
    lexical: float
    neighbours: float
    is_foreign: bool = False


class VariantIndex:
    """All variants as vectors (faiss) and by their words (tantivy).

    Args:
        vectors: [variants, width], each of length 1.
        prototypes: FAQ id → [width], of length 1; an FAQ without one goes by its variants.
        lexical: of the variants' texts; None: it is made.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        vectors: Floats,
        prototypes: Mapping[str, Floats],
        vector_index: Any,
        lexical: LexicalIndex | None = None,
    ) -> None:
        self.variants = [replace(one, language=primary(one.language)) for one in variants]
        self.vectors = vectors
        self._vector_index = vector_index
        self._lexical = lexical or LexicalIndex([variant.text for variant in self.variants])
        rows: dict[str, list[int]] = {}
        for row, variant in enumerate(self.variants):
            rows.setdefault(variant.faq_id, []).append(row)
        self._faq_ids = list(rows)
        self._rows = list(rows.values())
        self._counts = np.array([len(own) for own in self._rows], dtype=np.int64)
        self._faq_of = np.empty(len(self.variants), dtype=np.int64)
        for number, own in enumerate(self._rows):
            self._faq_of[own] = number
        self._naming = Naming.of(
            [variant.text for variant in self.variants],
            self._faq_of.tolist(),
            [variant.is_answer for variant in self.variants],
        )
        # Not a number: no prototype.
        self._prototypes = np.full((len(rows), vectors.shape[1]), np.nan, dtype=np.float32)
        for number, faq_id in enumerate(self._faq_ids):
            if faq_id in prototypes:
                self._prototypes[number] = prototypes[faq_id]
        self._known = known_wordings((one.text, one.faq_id) for one in self.variants)
        languages = np.array([variant.language for variant in self.variants])
        self._languages = {*languages.tolist()}
        self._foreign = None
        if len(self._languages) > 1:
            of_faqs = np.array([languages[own[0]] for own in self._rows])
            across = Across.of(vectors, languages, self._prototypes, of_faqs)
            self._foreign = ForeignSearch(across, of_faqs, self._faq_of, self._counts)
        self._depth = DEPTH * len(self._languages)
        self._hidden: frozenset[str] = frozenset()

    @classmethod
    def build(
        cls, variants: Sequence[Variant], vectors: Floats, prototypes: Mapping[str, Floats]
    ) -> VariantIndex:
        """Index `vectors`: exactly while they are few, else by HNSW."""
        import faiss

        width = vectors.shape[1]
        index: Any
        if len(vectors) <= FLAT_VECTORS:
            index = faiss.IndexFlatIP(width)
        else:
            index = faiss.IndexHNSWFlat(width, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
        return cls(variants, vectors, prototypes, index)

    def save(self, directory: Path) -> None:
        """Write the vectors and their index."""
        import faiss

        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / "vectors.npy", self.vectors)
        faiss.write_index(self._vector_index, str(directory / "vectors.faiss"))
        write_lexical([variant.text for variant in self.variants], directory / "words")

    @classmethod
    def load(
        cls, directory: Path, variants: Sequence[Variant], prototypes: Mapping[str, Floats]
    ) -> VariantIndex:
        """Read what `save` wrote; `variants` in the same order."""
        import faiss

        # As a plain array: indexing a memmap costs far more than what it reads.
        vectors = np.asarray(np.load(directory / "vectors.npy", mmap_mode="r"))
        index = faiss.read_index(str(directory / "vectors.faiss"))
        lexical = LexicalIndex([variant.text for variant in variants], directory / "words")
        return cls(variants, vectors, prototypes, index, lexical)

    def known(self, text: str) -> str | None:
        """The FAQ that has this very wording, case and punctuation aside, and is alone in it."""
        faq_id = self._known.get(bare(text))
        return None if faq_id in self._hidden else faq_id

    def without(self, *faq_ids: str) -> VariantIndex:
        """The same index as if it did not hold some FAQs."""
        other = copy.copy(self)
        other._hidden = self._hidden | frozenset(faq_ids)
        # Fetched beside what is wanted, for they will be passed over.
        named = zip(self._faq_ids, self._rows, strict=True)
        other._depth += sum(len(rows) for faq_id, rows in named if faq_id in faq_ids)
        return other

    def search(
        self, text: str, vector: Floats, *, language: str | None = None, top_k: int = 10
    ) -> list[Candidate]:
        """FAQs by fused score, best first.

        Args:
            text: the normalised question.
            vector: [width], its embedding.
            language: FAQs of this language, if there are any, come before those of others, unless
                these are nearer by far.
            top_k: of this language; of the others there are a few beside them.
        """
        if not self.variants:
            return []
        asked = primary(language or "")
        only = asked if asked in self._languages else None
        dense = self._search_vectors(vector, only)
        lexical = self._search_words(text, only)
        named = self._named_in(text, only)
        is_found = dense or lexical or named
        found = self._fuse(vector, dense, lexical, named, top_k) if is_found else []
        if only is None:
            return found
        foreign = self._search_foreign(text, vector, only, found)
        return sorted([*foreign, *found], key=lambda candidate: -candidate.score)

    def direction(self, faq_id: str, vector: Floats) -> Floats:
        """[width], the dense score of an FAQ is the scalar product of a question's vector with it.

        Args:
            vector: [width], of the question; it says which variant is the nearest.
        """
        number = self._faq_ids.index(faq_id)
        own = self.vectors[self._rows[number]]
        nearest = own[(own @ vector).argmax()]
        prototype = self._prototypes[number]
        if np.isnan(prototype).any():
            return np.asarray(nearest)
        return with_prototype(prototype, nearest)

    def _fuse(
        self,
        vector: Floats,
        dense: Sequence[tuple[int, float]],
        lexical: Sequence[tuple[int, float]],
        named: Mapping[int, float],
        top_k: int,
    ) -> list[Candidate]:
        """One ranking of the FAQs that either search found; all of them scored at once."""
        found = np.unique([*self._faq_of[[row for row, _ in (*dense, *lexical)]], *named])
        counts = self._counts[found]
        near = self._wordings_of(found, vector)
        words = self._words_of(found, lexical)
        nearest, most = best(*near, counts), best(*words, counts)
        prototype = self._prototypes[found] @ vector
        prototype = np.where(np.isnan(prototype), nearest, prototype)
        dense_score = with_prototype(prototype, nearest)
        likeness = np.maximum(with_prototype(prototype, pooled(*near, counts)), 0.0)
        fused = (1 - LEXICAL_WEIGHT) * likeness
        fused += LEXICAL_WEIGHT * pooled(*words, counts)
        fused += [named.get(faq, 0.0) for faq in found.tolist()]
        neighbours = [int(self._faq_of[row]) for row, _ in dense[:NEIGHBOURS]]
        return [
            Candidate(
                faq_id=self._faq_ids[found[i]],
                score=float(fused[i]),
                dense=float(dense_score[i]),
                prototype=float(prototype[i]),
                lexical=float(most[i]),
                neighbours=neighbours.count(found[i]) / max(len(neighbours), 1),
            )
            for i in np.argsort(-fused, kind="stable")[:top_k]
        ]

    def _search_foreign(
        self, text: str, vector: Floats, language: str, found: Sequence[Candidate]
    ) -> list[Candidate]:
        if self._foreign is None:
            return []
        foreign = self._foreign.search(
            vector,
            language,
            [one.score for one in found],
            is_shown=~np.isin(self._faq_ids, [*self._hidden]),
            named=self._named_in(text, None),
        )
        return [
            Candidate(
                faq_id=self._faq_ids[one.number],
                score=one.score,
                dense=one.dense,
                prototype=one.prototype,
                lexical=0.0,
                neighbours=one.neighbours,
                is_foreign=True,
            )
            for one in foreign
        ]

    def _wordings_of(
        self, found: NDArray[np.int64], vector: Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The cosines of all variants of the FAQs in `found`, and each one's place there."""
        rows = np.concatenate([self._rows[faq] for faq in found])
        owners = np.repeat(np.arange(len(found)), self._counts[found])
        return (self.vectors[rows] @ vector).astype(np.float64), owners

    def _words_of(
        self, found: NDArray[np.int64], hits: Sequence[tuple[int, float]]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The scores of the variants that were hit, and each one's place in `found`, sorted."""
        rows = np.array([row for row, _ in hits], dtype=np.int64)
        scores = np.array([score for _, score in hits], dtype=np.float64)
        return scores, np.searchsorted(found, self._faq_of[rows])

    def _search_vectors(self, vector: Floats, language: str | None) -> list[tuple[int, float]]:
        depth = min(self._depth, len(self.variants))
        scores, rows = self._vector_index.search(vector[None, :], depth)
        pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [
            (row, score) for row, score in pairs if row >= 0 and self._is_searched(row, language)
        ]

    def _search_words(self, text: str, language: str | None) -> list[tuple[int, float]]:
        return self._lexical.search(text, self._depth, lambda row: self._is_searched(row, language))

    def _named_in(self, text: str, language: str | None) -> dict[int, float]:
        weights = self._naming.weights(text).items()
        return {f: weight for f, weight in weights if self._is_searched(self._rows[f][0], language)}

    def _is_searched(self, row: int, language: str | None) -> bool:
        variant = self.variants[row]
        return language in {None, variant.language} and variant.faq_id not in self._hidden
