"""Search over every way an FAQ has been asked: vectors and words, fused into one ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.records.text import words

Floats = NDArray[np.float32]

# Up to here a flat index is exact and fast enough; above, HNSW.
FLAT_VECTORS = 20_000
HNSW_LINKS = 32
# Variants fetched from each search; FAQs have some ten of them.
DEPTH = 60
# Share of the lexical score in the fused one. A convex combination of scores ranks better than
# reciprocal ranks do (Bruch et al. 2022, arXiv 2210.11934).
LEXICAL_WEIGHT = 0.15
# Share of the FAQ's learned prototype in the dense score, the nearest variant has the rest.
PROTOTYPE_WEIGHT = 0.5
# A BM25 score of this size counts half: it bounds the lexical score to 0…1.
HALF_BM25 = 12.0
NEIGHBOURS = 5
# English stems; Chinese words come segmented, with spaces between.
TOKENIZER = "en_stem"


@dataclass(frozen=True)
class Variant:
    """One text by which an FAQ is found, normalised."""

    text: str
    faq_id: str
    language: str


@dataclass(frozen=True)
class Candidate:
    """One FAQ in the ranking.

    `score` is the fused one, 0 to 1; `dense` a cosine (of its nearest variant and its prototype,
    `prototype` alone); `lexical` 0 to 1; `neighbours` its share of the nearest variants.
    """

    faq_id: str
    score: float
    dense: float
    prototype: float
    lexical: float
    neighbours: float


class VariantIndex:
    """All variants as vectors (faiss) and as documents (tantivy).

    Args:
        vectors: [variants, width], each of length 1.
        prototypes: FAQ id → [width], of length 1; an FAQ without one goes by its variants.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        vectors: Floats,
        prototypes: Mapping[str, Floats],
        vector_index: Any,
    ) -> None:
        self.variants = list(variants)
        self.vectors = vectors
        self._prototypes = prototypes
        self._vector_index = vector_index
        self._lexical = _lexical_index(self.variants)
        self._row_at: dict[tuple[int, int], int] = {}
        self._rows: dict[str, list[int]] = {}
        for row, variant in enumerate(self.variants):
            self._rows.setdefault(variant.faq_id, []).append(row)
        self._languages = {variant.language for variant in self.variants}

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

    @classmethod
    def load(
        cls, directory: Path, variants: Sequence[Variant], prototypes: Mapping[str, Floats]
    ) -> VariantIndex:
        """Read what `save` wrote; `variants` in the same order."""
        import faiss

        # As a plain array: indexing a memmap costs far more than what it reads.
        vectors = np.asarray(np.load(directory / "vectors.npy", mmap_mode="r"))
        index = faiss.read_index(str(directory / "vectors.faiss"))
        return cls(variants, vectors, prototypes, index)

    def search(
        self, text: str, vector: Floats, *, language: str | None = None, top_k: int = 10
    ) -> list[Candidate]:
        """FAQs by fused score, best first.

        Args:
            text: the normalised question.
            vector: [width], its embedding.
            language: look among FAQs of this language, if there are any.
        """
        only = language if language in self._languages else None
        dense = self._search_vectors(vector, only)
        lexical = self._search_words(text, only)
        nearest = [self.variants[row].faq_id for row, _ in dense[:NEIGHBOURS]]
        best_dense, best_lexical = self._best_of_faq(dense), self._best_of_faq(lexical)
        candidates = [
            self._candidate(faq_id, vector, best_dense, best_lexical, nearest)
            for faq_id in best_dense.keys() | best_lexical.keys()
        ]
        candidates.sort(key=lambda candidate: (-candidate.score, candidate.faq_id))
        return candidates[:top_k]

    def _best_of_faq(self, hits: Sequence[tuple[int, float]]) -> dict[str, float]:
        best: dict[str, float] = {}
        for row, score in hits:
            faq_id = self.variants[row].faq_id
            best[faq_id] = max(best.get(faq_id, -1.0), score)
        return best

    def _candidate(
        self,
        faq_id: str,
        vector: Floats,
        best_dense: Mapping[str, float],
        best_lexical: Mapping[str, float],
        nearest: list[str],
    ) -> Candidate:
        lexical = best_lexical.get(faq_id, 0.0)
        if faq_id in best_dense:
            nearest_variant = best_dense[faq_id]
        else:
            nearest_variant = float((self.vectors[self._rows[faq_id]] @ vector).max())
        prototype = nearest_variant
        if faq_id in self._prototypes:
            prototype = float(self._prototypes[faq_id] @ vector)
        dense = PROTOTYPE_WEIGHT * prototype + (1 - PROTOTYPE_WEIGHT) * nearest_variant
        fused = (1 - LEXICAL_WEIGHT) * max(dense, 0.0) + LEXICAL_WEIGHT * lexical
        share = nearest.count(faq_id) / max(len(nearest), 1)
        return Candidate(faq_id, fused, dense, prototype, lexical, share)

    def _search_vectors(self, vector: Floats, language: str | None) -> list[tuple[int, float]]:
        depth = min(DEPTH * len(self._languages), len(self.variants))
        scores, rows = self._vector_index.search(vector[None, :], depth)
        pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [
            (row, score)
            for row, score in pairs
            if row >= 0 and language in {None, self.variants[row].language}
        ]

    def _search_words(self, text: str, language: str | None) -> list[tuple[int, float]]:
        asked = " ".join(words(text))
        if not asked:
            return []
        query, _ = self._lexical.parse_query_lenient(asked, ["text"])
        searcher = self._lexical.searcher()
        hits = searcher.search(query, DEPTH * len(self._languages)).hits
        scored = []
        for score, address in hits:
            row = self._row(searcher, address)
            if language in {None, self.variants[row].language}:
                scored.append((row, score / (score + HALF_BM25)))
        return scored

    def _row(self, searcher: Any, address: Any) -> int:
        # Fetching a document costs more than searching for it.
        place = (address.segment_ord, address.doc)
        if place not in self._row_at:
            self._row_at[place] = int(searcher.doc(address)["row"][0])
        return self._row_at[place]


def _lexical_index(variants: Sequence[Variant]) -> Any:
    """A tantivy index in memory: some thousand variants take milliseconds."""
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field("text", tokenizer_name=TOKENIZER)
    schema.add_unsigned_field("row", stored=True)
    index = tantivy.Index(schema.build())
    writer = index.writer(num_threads=1)
    for row, variant in enumerate(variants):
        writer.add_document(tantivy.Document(text=" ".join(words(variant.text)), row=row))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index
