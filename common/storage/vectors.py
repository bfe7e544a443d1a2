"""Vectors of texts, kept on disk by content: only what is new or changed is encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.files import write_atomically

# Saved together: an interrupted run loses no more than one segment.
TEXTS_PER_SEGMENT = 1024
KEY_BYTES = 16


class VectorCache:
    """Vectors of texts as one encoder reads them, in a directory of their own.

    A segment is a pair of files: `NAME.keys`, 16 bytes a text, and `NAME.npy`, float32
    [texts, width]. The keys are written last, so that what has keys is whole.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._places: dict[bytes, tuple[Path, int]] = {}
        for keys in sorted(directory.glob("*.keys")):
            content = keys.read_bytes()
            for row in range(len(content) // KEY_BYTES):
                key = content[row * KEY_BYTES : (row + 1) * KEY_BYTES]
                self._places[key] = (keys.with_suffix(".npy"), row)

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Places in `keys` of those that are not kept yet, each key once, sorted by key."""
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        return [first[key] for key in sorted(first) if key not in self._places]

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep one segment."""
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:16]
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / f"{name}.npy"
        # In memory first: numpy itself does not say why a file could not be written.
        content = BytesIO()
        np.save(content, vectors)
        write_atomically(file, content.getvalue())
        write_atomically(file.with_suffix(".keys"), b"".join(keys))
        self._places |= {key: (file, row) for row, key in enumerate(keys)}

    def gather(self, keys: Sequence[bytes], width: int) -> NDArray[np.float32]:
        """Vectors of `keys`, all of them kept: [keys, width]."""
        vectors = np.empty((len(keys), width), np.float32)
        by_file: dict[Path, list[tuple[int, int]]] = {}
        for place, key in enumerate(keys):
            file, row = self._places[key]
            by_file.setdefault(file, []).append((place, row))
        for file, pairs in by_file.items():
            places, rows = zip(*pairs, strict=True)
            vectors[list(places)] = np.load(file, mmap_mode="r")[list(rows)]
        return vectors


def text_key(text: str) -> bytes:
    """Names a text by its content."""
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]


def keep(texts: Sequence[str], vectors: NDArray[np.float32], cache: VectorCache) -> None:
    """Put vectors [texts, width] that are at hand into the cache."""
    keys = [text_key(text) for text in texts]
    places = cache.missing(keys)
    for start in range(0, len(places), TEXTS_PER_SEGMENT):
        part = places[start : start + TEXTS_PER_SEGMENT]
        cache.add([keys[i] for i in part], vectors[part])
