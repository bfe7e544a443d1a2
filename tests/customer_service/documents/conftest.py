from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from apps.customer_service.documents.index import Floats, Read
from common.records.text import words

WIDTH = 256


def _vector(text: str) -> Floats:
    """Words thrown into buckets: near where words are shared, whatever the script."""
    vector = np.full(WIDTH, 1e-3, np.float32)
    for word in words(text):
        vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % WIDTH] += 1
    return np.asarray(vector / np.linalg.norm(vector))


@pytest.fixture(scope="session")
def read() -> Read:
    def vectors(texts: Sequence[str]) -> Floats:
        return np.stack([_vector(text) for text in texts])

    return vectors
