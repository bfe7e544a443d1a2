"""What a model makes of new texts and new FAQs, each read once and kept by its content."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import FullPrecision
from apps.customer_service.answers.retrieval import Variant
from common.files import keep_newest
from common.learning.prototypes import refit
from common.models.devices import in_own_thread
from common.releases.eight_bit import key_of
from common.releases.registry import Registry
from common.releases.release import Release
from common.storage.vectors import TEXTS_PER_SEGMENT, VectorCache, text_key

Floats = NDArray[np.float32]

# As many vectors take 150 MB of memory; what was read before them is read anew, or from disk.
MOST_IN_MEMORY = 100_000
# 1.5 GB, for each of the models that served last.
MOST_ON_DISK = 1_000_000
MODELS_ON_DISK = 3
# Of an application's directory.
VECTORS = "vectors"
# A new FAQ is told apart from so many texts, those nearest to it; others are too far to matter.
NEAREST = 1000

logger = logging.getLogger(__name__)


class Reader:
    """Reads for one release.

    A new FAQ gets a direction as the trained ones have: fitted on the texts' vectors while all
    others stay. By its texts alone it would be compared on another scale than they are, and take
    golden questions away from the right ones. Threads may share it.

    Args:
        kept: vectors that outlast the process; None: it has those in its memory alone.
    """

    def __init__(self, answerer: Answerer, kept: VectorCache | None = None) -> None:
        self._answerer = answerer
        self._kept = kept
        self._vectors: dict[str, Floats] = {}
        self._directions: dict[tuple[str, ...], Floats] = {}
        # What one thread has found, another would delete: from memory, or of the places on disk.
        self._one_at_a_time = threading.Lock()

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Embeddings [texts, width] of prepared texts."""
        with self._one_at_a_time:
            return self._found(texts)

    def _found(self, texts: Sequence[str]) -> Floats:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors |= dict(zip(new, self._find(new), strict=True))
        found = np.stack([self._vectors[text] for text in texts])
        for text in list(self._vectors)[: max(len(self._vectors) - MOST_IN_MEMORY, 0)]:
            del self._vectors[text]
        return found

    def _find(self, texts: Sequence[str]) -> Floats:
        """Those that are kept as they are, the others read now; `texts` are distinct."""
        if self._kept is None:
            return self._read(texts)
        try:
            return self._keep(texts, self._kept)
        except (OSError, ValueError) as error:
            # Deleted meanwhile, cut off, or there is no room: answers do not wait for that.
            logger.warning("vectors are not kept in %s: %s", self._kept.directory, error)
            return self._read(texts)

    def _keep(self, texts: Sequence[str], kept: VectorCache) -> Floats:
        keys = [text_key(text) for text in texts]
        kept.refresh()
        places = kept.missing(keys)
        for start in range(0, len(places), TEXTS_PER_SEGMENT):
            some = places[start : start + TEXTS_PER_SEGMENT]
            kept.add([keys[i] for i in some], self._read([texts[i] for i in some]))
        return kept.gather(keys, self._answerer.network.dimension)

    def _read(self, texts: Sequence[str]) -> Floats:
        read = in_own_thread(partial(self._answerer.understand, texts))
        return np.stack([one.vector for one in read])

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
        known = self._directions
        kept = {i: known[key] for i, key in keys.items() if key in known}
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


def kept_reader(registry: Registry, release: Release, answerer: Answerer) -> Reader:
    """A reader whose vectors are on disk, by model: who starts again reads only what is new."""
    network = answerer.network
    how = network.precision if isinstance(network, FullPrecision) else "int8"
    root = registry.root / VECTORS
    directory = root / key_of(release, how)
    kept: VectorCache | None = None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.touch()
        keep_newest(root, MODELS_ON_DISK)
        kept = VectorCache(directory)
        kept.tidy(MOST_ON_DISK)
    except (OSError, ValueError) as error:
        left = "left as they are" if kept else "neither read nor kept"
        logger.warning("vectors in %s are %s: %s", directory, left, error)
    return Reader(answerer, kept)


def _near(vectors: Floats, directions: Floats) -> NDArray[np.bool_]:
    """[texts], whether a text is among those nearest to one of the directions."""
    near = np.zeros(len(vectors), dtype=bool)
    for direction in directions:
        near[np.argsort(-(vectors @ direction))[:NEAREST]] = True
    return near


def _mean(vectors: Floats) -> Floats:
    mean = vectors.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)
