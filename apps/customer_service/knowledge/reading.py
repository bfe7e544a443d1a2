"""What a model makes of new texts and new FAQs, each read once and kept by its content."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.retrieval import Variant
from common.learning.prototypes import refit

Floats = NDArray[np.float32]

# As many vectors take 150 MB; then everything is read anew.
MOST_KEPT = 100_000
# A new FAQ is told apart from so many texts, those nearest to it; others are too far to matter.
NEAREST = 1000


class Reader:
    """Reads for one release.

    A new FAQ gets a direction as the trained ones have: fitted on the texts' vectors while all
    others stay. By its texts alone it would be compared on another scale than they are, and take
    golden questions away from the right ones.
    """

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._vectors: dict[str, Floats] = {}
        self._directions: dict[tuple[str, ...], Floats] = {}

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Embeddings [texts, width] of prepared texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if len(self._vectors) + len(new) > MOST_KEPT:
            self._vectors, new = {}, list(dict.fromkeys(texts))
        found = self._answerer.understand(new)
        self._vectors |= {text: one.vector for text, one in zip(new, found, strict=True)}
        return np.stack([self._vectors[text] for text in texts])

    def directions(
        self, faq_ids: Collection[str], variants: Sequence[Variant], vectors: Floats
    ) -> dict[str, Floats]:
        """Directions [width] of all FAQs: the trained ones, and those of new ones.

        Args:
            faq_ids: those that are new.
            variants: every text that is searched.
            vectors: [variants, width].
        """
        trained = self._answerer.network.prototypes(self._answerer.prototype_ids)
        texts: dict[str, list[str]] = {i: [] for i in faq_ids if i not in trained}
        for variant in variants if texts else ():
            if variant.faq_id in texts:
                texts[variant.faq_id].append(variant.text)
        keys = {i: (i, *sorted(own)) for i, own in texts.items() if own}
        kept = {i: self._directions[key] for i, key in keys.items() if key in self._directions}
        new = [i for i in keys if i not in kept]
        fitted = self._fit({**trained, **kept}, new, variants, vectors) if new else {}
        self._directions = {keys[i]: one for i, one in {**kept, **fitted}.items()}
        return {**trained, **kept, **fitted}

    def _fit(
        self,
        known: Mapping[str, Floats],
        new: Sequence[str],
        variants: Sequence[Variant],
        vectors: Floats,
    ) -> dict[str, Floats]:
        number = {faq_id: n for n, faq_id in enumerate([*known, *new])}
        rows = np.array([row for row, one in enumerate(variants) if one.faq_id in number])
        numbers = np.array([number[variants[row].faq_id] for row in rows], dtype=np.int64)
        begun = np.stack([_mean(vectors[rows[numbers == number[i]]]) for i in new])
        near = _near(vectors[rows], begun) | (numbers >= len(known))
        rows, numbers = rows[near], numbers[near]
        found = refit(
            vectors[rows],
            numbers,
            np.stack([*known.values(), *begun]),
            scale=self._answerer.network.faq_scale,
            weight=np.ones(len(rows), dtype=np.float32),
            moving=np.arange(len(number)) >= len(known),
        )
        return dict(zip(new, found[len(known) :], strict=True))


def _near(vectors: Floats, directions: Floats) -> NDArray[np.bool_]:
    """[texts], whether a text is among those nearest to one of the directions."""
    near = np.zeros(len(vectors), dtype=bool)
    for direction in directions:
        near[np.argsort(-(vectors @ direction))[:NEAREST]] = True
    return near


def _mean(vectors: Floats) -> Floats:
    mean = vectors.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)
