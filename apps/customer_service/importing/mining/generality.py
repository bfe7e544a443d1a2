"""Whether an exchange is of use to anybody, or about one customer's own case alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.files import write_atomically
from common.models.sources.bundled import cache_directory
from common.records.fields import content_hash

if TYPE_CHECKING:
    from apps.customer_service.importing.mining.vectors import Reader

Floats = NDArray[np.float32]

# Written in both languages, from many trades: policies, instructions and facts beside tracking,
# favours, apologies and small talk.
EXAMPLES = Path(__file__).with_name("generality.csv")
ANYBODY = "anybody"
# Chosen by five folds of the examples; from 10 to 200 it hardly matters.
INVERSE_REGULARISATION = 10.0


class Generality:
    """Logistic regression over the vectors of a request and its reply, fitted on the examples.

    Args:
        reader: what reads them. What one encoder made of the examples stays in the user's cache.
    """

    def __init__(self, reader: Reader) -> None:
        from sklearn.linear_model import LogisticRegression

        self._reader = reader
        with EXAMPLES.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        requests, replies = [row["request"] for row in rows], [row["reply"] for row in rows]
        self._model: Any = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
        self._model.fit(self._kept(requests, replies), [row["about"] == ANYBODY for row in rows])

    def of(self, requests: Sequence[str], replies: Sequence[str]) -> Floats:
        """[exchanges], the probability that what is said is so for anybody who asks."""
        probability = self._model.predict_proba(self._read(requests, replies))[:, 1]
        return np.asarray(probability, np.float32)

    def _kept(self, requests: Sequence[str], replies: Sequence[str]) -> Floats:
        name = content_hash(self._reader.cache.directory.name, *requests, *replies)
        path = cache_directory() / "mining" / f"{name}.npy"
        if path.exists():
            return np.asarray(np.load(path, allow_pickle=False))
        vectors = self._read(requests, replies)
        written = BytesIO()
        np.save(written, vectors, allow_pickle=False)
        # Where nothing can be kept, they are read again next time.
        with suppress(OSError):
            write_atomically(path, written.getvalue())
        return vectors

    def _read(self, requests: Sequence[str], replies: Sequence[str]) -> Floats:
        sides = (self._reader.read(requests, "requests"), self._reader.read(replies, "replies"))
        return np.concatenate(sides, axis=1)
