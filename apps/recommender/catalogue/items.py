"""All items as arrays: item number i stands at place i of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.images import ItemImage
from apps.recommender.schema import Item
from common.records.text import language_of, normalise

# Seconds since 1970 of an item whose `created_at` is not known: it was always there.
ALWAYS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Catalogue:
    """Items by number.

    Attributes:
        texts: what the model reads, normalised.
        category: [items] numbers into `categories`, -1 where there is none.
        price: [items], NaN where not known.
        created: [items] seconds since 1970, `ALWAYS` where not known.
        available: [items], whether it may be recommended now.
        margin: [items], what one sale earns, NaN where not known.
        images: of each item, its picture; empty where none is known of.
    """

    ids: list[str]
    titles: list[str]
    texts: list[str]
    tags: list[list[str]]
    languages: list[str | None]
    categories: list[str]
    category: NDArray[np.int32]
    price: NDArray[np.float32]
    created: NDArray[np.int64]
    available: NDArray[np.bool_]
    margin: NDArray[np.float64]
    images: list[ItemImage | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def spoken(self) -> set[str]:
        """Languages of the texts."""
        return {language_of(text) for text in self.texts}

    @property
    def created_or_nan(self) -> NDArray[np.float64]:
        """[items] seconds since 1970, NaN where not known."""
        return np.where(self.created == ALWAYS, np.nan, self.created.astype(np.float64))

    @cached_property
    def margin_or_median(self) -> NDArray[np.float64] | None:
        """[items] margins, the median of all where one is not known; None: none is."""
        is_known = ~np.isnan(self.margin)
        if not is_known.any():
            return None
        return np.where(is_known, self.margin, np.median(self.margin[is_known]))

    @cached_property
    def number(self) -> dict[str, int]:
        """Item id → item number."""
        return {item_id: n for n, item_id in enumerate(self.ids)}


def build_catalogue(items: Sequence[Item], images: Sequence[ItemImage | None] = ()) -> Catalogue:
    """Arrays over `items`, in their order, with their pictures."""
    categories = sorted({item.category for item in items if item.category})
    numbers = {name: n for n, name in enumerate(categories)}
    return Catalogue(
        ids=[item.item_id for item in items],
        titles=[item.title for item in items],
        texts=[normalise(item.content) for item in items],
        tags=[item.tags for item in items],
        languages=[item.language for item in items],
        categories=categories,
        category=np.array([numbers.get(item.category or "", -1) for item in items], np.int32),
        price=np.array([np.nan if i.price is None else i.price for i in items], np.float32),
        created=np.array(
            [ALWAYS if i.created_at is None else int(i.created_at.timestamp()) for i in items],
            np.int64,
        ),
        available=np.array([item.is_there for item in items], np.bool_),
        margin=np.array([np.nan if i.margin is None else i.margin for i in items], np.float64),
        images=list(images),
    )
