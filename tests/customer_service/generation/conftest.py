from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from apps.customer_service.generation.support import Floats, Read
from common.records.text import words

WIDTH = 256


@pytest.fixture(scope="session")
def read() -> Read:
    """Words thrown into buckets: near where words are shared, whatever the script."""

    def vectors(texts: Sequence[str]) -> Floats:
        found = np.full((len(texts), WIDTH), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                found[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % WIDTH] += 1
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))

    return vectors
