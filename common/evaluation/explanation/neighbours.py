"""The examples that a model learned from and that lie nearest to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3


@dataclass(frozen=True)
class Neighbour:
    """A training text, what it taught, and its cosine to the text."""

    text: str
    label: str
    cosine: float


@dataclass(frozen=True)
class Examples:
    """Training texts with what each taught, and their vectors [texts, width]."""

    texts: Sequence[str]
    labels: Sequence[str]
    vectors: NDArray[np.float32]

    def nearest(self, vector: NDArray[np.float32], count: int = NEIGHBOURS) -> list[Neighbour]:
        """The nearest examples, the nearest first; equal texts count once.

        Args:
            vector: [width].
        """
        if not len(self.texts):
            return []
        lengths = np.linalg.norm(self.vectors, axis=1) * np.linalg.norm(vector)
        cosines = self.vectors @ vector / np.maximum(lengths, 1e-9)
        found: dict[str, Neighbour] = {}
        for row in np.argsort(-cosines, kind="stable"):
            if len(found) == count:
                break
            one = Neighbour(self.texts[row], self.labels[row], float(cosines[row]))
            found.setdefault(one.text, one)
        return list(found.values())
