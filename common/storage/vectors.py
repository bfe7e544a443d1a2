"""Vectors of texts, kept on disk by content: only what is new or changed is encoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.files import write_atomically

# Saved together: an interrupted run loses no more than one segment.
TEXTS_PER_SEGMENT = 1024
KEY_BYTES = 16
# So many segments that are less than half full are put together.
MOST_SMALL = 64


class VectorCache:
    """Vectors of texts as one encoder reads them, in a directory of their own.

    A segment is a pair of files: `NAME.keys`, 16 bytes a text, and `NAME.npy`, float32
    [texts, width]. The keys are written last, so that what has keys is whole. Processes may share
    the directory; each sees what others did when it asks.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._known: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """See what another process has added or deleted."""
        there = set(self.directory.glob("*.keys"))
        if gone := {path.with_suffix(".npy") for path in self._known - there}:
            places = self._places.items()
            self._places = {key: place for key, place in places if place[0] not in gone}
        for path in sorted(there - self._known):
            file = path.with_suffix(".npy")
            try:
                keys = _keys_in(path)
            except FileNotFoundError:
                # Another process put it together with others, or deleted it, just now.
                there.discard(path)
                continue
            self._places |= {key: (file, row) for row, key in enumerate(keys)}
        self._known = there

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
        self._known.add(file.with_suffix(".keys"))
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
            # `tidy` goes by when it was used last.
            with suppress(OSError):
                os.utime(file.with_suffix(".keys"))
        return vectors

    def tidy(self, most: int) -> None:
        """Put small segments together; delete those used longest ago, beyond `most` texts."""
        self.refresh()
        small = [path for path in sorted(self._known) if 2 * _count(path) < TEXTS_PER_SEGMENT]
        if len(small) > MOST_SMALL:
            self._merge(small)
        kept = 0
        for path in sorted(self._known, key=lambda one: -one.stat().st_mtime):
            kept += _count(path)
            if kept > most:
                _delete(path)
        self.refresh()

    def _merge(self, small: Sequence[Path]) -> None:
        keys = list(dict.fromkeys(key for path in small for key in _keys_in(path)))
        width = np.load(small[0].with_suffix(".npy"), mmap_mode="r").shape[1]
        for start in range(0, len(keys), TEXTS_PER_SEGMENT):
            part = keys[start : start + TEXTS_PER_SEGMENT]
            self.add(part, self.gather(part, width))
        for path in small:
            _delete(path)
        self.refresh()


def _keys_in(path: Path) -> list[bytes]:
    content = path.read_bytes()
    starts = range(0, len(content) - KEY_BYTES + 1, KEY_BYTES)
    return [content[start : start + KEY_BYTES] for start in starts]


def _count(path: Path) -> int:
    return path.stat().st_size // KEY_BYTES


def _delete(path: Path) -> None:
    """The keys first: what has keys is whole."""
    path.unlink(missing_ok=True)
    path.with_suffix(".npy").unlink(missing_ok=True)


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
