"""How many will take an item that nobody has met, by what those take whose texts are like it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# Beside the squares of texts of length 1.
RIDGE = 10.0
FEWEST_TEXTS = 100
# More texts teach the same weights.
MOST_TEXTS = 20_000


def known_sample(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of what is known, or of a part that is large enough to learn from."""
    number = np.flatnonzero(known)
    if len(number) > MOST_TEXTS:
        number = np.sort(np.random.default_rng(0).choice(number, MOST_TEXTS, replace=False))
    return number


def foretell(texts: Float32, popularity: Float32) -> Float32 | None:
    """Weights of a text whose sum is its item's popularity, but for a constant.

    Ridge regression on items that were met. It learns what is popular by what is written, which
    can be told of an item that has no event yet.

    Args:
        texts: [items, width], vectors of length 1.
        popularity: [items], the logarithm of what is counted of each.

    Returns:
        [width]; None of too few items.
    """
    if len(texts) < FEWEST_TEXTS:
        return None
    values, wanted = texts.astype(np.float64), popularity.astype(np.float64)
    values -= values.mean(0)
    gram = values.T @ values + RIDGE * np.eye(values.shape[1])
    found = np.linalg.solve(gram, values.T @ (wanted - wanted.mean()))
    return np.asarray(found, np.float32)
