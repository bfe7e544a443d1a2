"""What is known of items beside their text, as numbers that features are built from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from common.records.text import fold, language_of

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

# Of an item the first tags, of all tags the most frequent; it bounds a user's profile of them.
TAGS_OF_ITEM = 8
TAGS = 4096


@dataclass(frozen=True)
class ItemFacts:
    """Arrays over items.

    Attributes:
        category, language: [items] numbers, -1 where not known.
        tags: [items, TAGS_OF_ITEM] numbers, filled up with -1.
        log_price: [items], NaN where not known.
        created: [items] seconds since 1970, NaN where not known.
        categories, languages, kinds_of_tags: how many there are.
    """

    category: Int32
    language: Int32
    tags: Int32
    log_price: Float32
    created: NDArray[np.float64]
    categories: int
    languages: int
    kinds_of_tags: int


def item_facts(catalogue: Catalogue) -> ItemFacts:
    """Numbers for the words of a catalogue; an item's language is guessed where it is not said."""
    spoken = [
        said.lower().split("-")[0] if said else language_of(title)
        for said, title in zip(catalogue.languages, catalogue.titles, strict=True)
    ]
    languages = {name: n for n, name in enumerate(sorted(set(spoken)))}
    folded = [list(dict.fromkeys(map(fold, tags)))[:TAGS_OF_ITEM] for tags in catalogue.tags]
    often = Counter(tag for tags in folded for tag in tags)
    kept = sorted(often, key=lambda tag: (-often[tag], tag))[:TAGS]
    numbers = {tag: n for n, tag in enumerate(kept)}
    tags = np.full((len(catalogue), TAGS_OF_ITEM), -1, np.int32)
    for item, names in enumerate(folded):
        known = [numbers[name] for name in names if name in numbers]
        tags[item, : len(known)] = known
    return ItemFacts(
        category=catalogue.category,
        language=np.array([languages[name] for name in spoken], np.int32),
        tags=tags,
        log_price=np.log1p(catalogue.price),
        created=catalogue.created_or_nan,
        categories=len(catalogue.categories),
        languages=len(languages),
        kinds_of_tags=len(kept),
    )
