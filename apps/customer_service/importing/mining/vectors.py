"""Exchanges as vectors: what was asked and what was answered, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.importing.mining.duplicates import representatives
from common.files import read_toml
from common.models.devices import pick_device, pick_precision
from common.models.encoder import load_encoder
from common.models.heads import Embedder
from common.models.prediction import encode
from common.models.sentence_modules import directory_id
from common.models.sources.bundled import Source
from common.records.text import normalise
from common.storage.vectors import VectorCache

USUAL = Path(__file__).with_name("usual.toml")
# What a text is about, it says first.
CHARACTERS_READ = 240
# The usual texts count as much as this many of the user's own.
USUAL_WEIGHT = 100.0


class Reader:
    """One encoder and the vectors that it gave, kept in a directory by content."""

    def __init__(self, source: Source, directory: Path, device: str = "auto") -> None:
        self.device = pick_device(device)
        self.encoder = load_encoder(source)
        self.module = Embedder(self.encoder.pooled()).to(self.device)
        self.cache = VectorCache(directory / directory_id(source.directory))

    def read(self, texts: Sequence[str], what: str) -> NDArray[np.float32]:
        """[texts, width], of length 1; of texts that are alike one is encoded."""
        stands = representatives([normalise(text)[:CHARACTERS_READ] for text in texts])
        distinct = sorted(set(stands))
        vectors = encode(
            lambda: (self.module, self.encoder),
            distinct,
            self.cache,
            width=self.encoder.dimension,
            what=what,
            precision=pick_precision("auto", self.device),
        )
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-9)
        place = {text: number for number, text in enumerate(distinct)}
        return vectors[[place[text] for text in stands]]


def joint_vectors(
    reader: Reader, requests: Sequence[str], replies: Sequence[str], language: str
) -> NDArray[np.float32]:
    """[exchanges, 2 · width], of length 1; a cosine is the mean of the requests' and the replies'.

    What all requests have in common, and all replies, is taken away first (Mu and Viswanath 2018,
    "All-but-the-Top"): an encoder's cosines else lie close together, and none tells much.
    """
    sides = [
        centred(reader, texts, what, language)
        for texts, what in ((requests, "requests"), (replies, "replies"))
    ]
    return np.concatenate(sides, axis=1) * np.float32(np.sqrt(0.5))


def centred(reader: Reader, texts: Sequence[str], what: str, language: str) -> NDArray[np.float32]:
    """[texts, width], of length 1, less what all have in common.

    Args:
        what: `requests` or `replies`.
    """
    known = (read_toml(USUAL).get(language) or read_toml(USUAL)["en"])[what]
    vectors = reader.read([*texts, *known], what)
    own, others = vectors[: len(texts)], vectors[len(texts) :]
    total = own.sum(axis=0) + USUAL_WEIGHT * others.mean(axis=0)
    found = own - total / (len(own) + USUAL_WEIGHT)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-9))
