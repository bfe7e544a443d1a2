"""Item to item: what is like it, and what is taken together with it, each with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.sparse import csr_array

from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.related.company import CompanyOfItems
from apps.recommender.related.relations import Kind, Relations
from apps.recommender.schema import Language, RelationName
from common.records.text import language_of

Floats = NDArray[np.float32]

# An item of the same category goes before one of another that is nearer by less than this cosine:
# who looks at a lamp wants another lamp rather than a book about lamps.
SAME_CATEGORY = 0.1
# Below this cosine two texts have nothing in common.
LEAST_SIMILARITY = 0.0

SENTENCES: dict[Language, dict[str, str]] = {
    "en": {
        "similar": "Its text is similar.",
        "same category": "Its text is similar, and it is of the same category.",
        "bought": "{n} customers who bought “{title}” bought this, too.",
        "met": "{n} customers who looked at “{title}” looked at this, too.",
        "requires": "Needed for it, says the shop.",
        "accessory": "An accessory, named by the shop.",
        "successor": "The successor, named by the shop.",
        "substitute": "A substitute, named by the shop.",
    },
    "zh": {
        "similar": "内容相近。",
        "same category": "内容相近，属于同一类别。",
        "bought": "买过“{title}”的顾客中，有 {n} 位也买了它。",
        "met": "看过“{title}”的顾客中，有 {n} 位也看了它。",
        "requires": "商家注明需要搭配它。",
        "accessory": "商家指定的配件。",
        "successor": "商家指定的新款。",
        "substitute": "商家指定的替代品。",
    },
}


class Related(BaseModel):
    """One item beside another."""

    item_id: str
    rank: int = Field(description="From 1.")
    score: float | None = Field(
        description="similar: cosine of the item vectors. together: cosine of the sets of "
        "customers, drawn to 0 where they are few. None: named by the shop, no customers yet."
    )
    reason: str
    relation: RelationName | None = Field(None, description="What the shop's own file says.")


@dataclass(frozen=True)
class _Found:
    item: int
    score: float | None
    reason: str
    relation: RelationName | None = None
    customers: int = 0


class RelatedItems:
    """Answers for one item after the other; safe to use from several threads."""

    def __init__(self, prepared: Prepared, relations: Relations | None = None) -> None:
        self._prepared = prepared
        self._relations = relations or Relations()
        self._company = CompanyOfItems(prepared.events, len(prepared.catalogue))

    def find(
        self,
        item: int,
        kind: Kind,
        k: int,
        allowed: NDArray[np.bool_],
        language: Language | None = None,
    ) -> list[Related]:
        """Up to `k` items, those that the shop names first.

        Args:
            allowed: [items], which may be shown at all.
            language: of the reasons; None: that of the item.
        """
        catalogue = self._prepared.catalogue
        if language is None:
            spoken = catalogue.languages[item] or language_of(catalogue.titles[item])
            language = "zh" if spoken.startswith("zh") else "en"
        allowed = allowed.copy()
        allowed[item] = False
        found: list[_Found] = []
        searched = (
            self._similar(item, k, allowed.copy()) if kind == "similar" else self._together(item)
        )
        for one in chain(self._named(item, kind), searched):
            if len(found) == k:
                break
            if allowed[one.item]:
                allowed[one.item] = False
                found.append(one)
        sentences, title = SENTENCES[language], catalogue.titles[item]
        return [
            Related(
                item_id=catalogue.ids[one.item],
                rank=rank,
                score=one.score,
                reason=sentences[one.reason].format(title=title, n=one.customers),
                relation=one.relation,
            )
            for rank, one in enumerate(found, 1)
        ]

    def _named(self, item: int, kind: Kind) -> Iterator[_Found]:
        vectors = self._prepared.items
        for other, name in self._relations.of(item, kind).items():
            cosine = float(vectors[item] @ vectors[other]) if kind == "similar" else None
            yield _Found(other, cosine, name, name)

    def _similar(self, item: int, k: int, allowed: NDArray[np.bool_]) -> Iterator[_Found]:
        """By text, so that items which nobody has met are found as well."""
        category = self._prepared.catalogue.category
        same = (category == category[item]) & (category >= 0)
        # As many more as the shop may have named.
        depth = k + len(self._relations.of(item, "similar"))
        number, cosine = self._nearest(item, depth, allowed, same)
        near = cosine > LEAST_SIMILARITY
        number, cosine, is_same = number[near], cosine[near], same[number[near]]
        score = cosine + np.where(is_same, SAME_CATEGORY, 0).astype(np.float32)
        first = np.lexsort((number, -score))[:depth]
        columns = (column[first].tolist() for column in (number, cosine, is_same))
        for other, similarity, of_category in zip(*columns, strict=True):
            yield _Found(other, similarity, "same category" if of_category else "similar")

    def _nearest(
        self, item: int, depth: int, allowed: NDArray[np.bool_], same: NDArray[np.bool_]
    ) -> tuple[NDArray[np.integer[Any]], Floats]:
        """Numbers and cosines of items, among them the first `depth` of all that are allowed."""
        vectors, quantised = self._prepared.items, self._prepared.quantised
        if quantised is None:
            number = np.flatnonzero(allowed)
            return number, _cosines(vectors[number], vectors[item])
        # What its category puts first is among the nearest of the category; the rest, of all.
        asked, nobody = vectors[item][None, None], csr_array((1, len(vectors)), dtype=np.bool_)
        of_all, of_category = (
            quantised.top_k(asked, depth, allowed=among, excluded=nobody)[0][0]
            for among in (allowed, allowed & same)
        )
        found = np.union1d(of_all, of_category)
        number = found[found >= 0]
        return number, _cosines(vectors[number], vectors[item])

    def _together(self, item: int) -> Iterator[_Found]:
        """What was bought with it, and then what was met with it."""
        for bought, reason in ((True, "bought"), (False, "met")):
            company = self._company.of(item, bought=bought)
            columns = (company.item, company.score, company.customers)
            for other, score, customers in zip(*(c.tolist() for c in columns), strict=True):
                yield _Found(other, score, reason, customers=customers)


def _cosines(vectors: Floats, one: Floats) -> Floats:
    """[items]; row by row, so that a vector that stands twice has one cosine everywhere."""
    return np.asarray(np.einsum("ij,j->i", vectors, one), np.float32)
