"""The block that all later stages share: some users, and some candidates for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOURCES = ("text", "neighbours", "popular", "rule")


@dataclass(frozen=True)
class Candidates:
    """Candidates of some users; places without one hold item -1 and stand last.

    Attributes:
        item: [users, places] item numbers.
        text_score: [users, places], largest dot product of the item and the user's interests.
        neighbour_score: [users, places], how strongly items of the history point at the item.
        source: [users, places] numbers into `SOURCES`: the first search that found it, or
            that a rule wants it there.
        company_score: [users, places], how often it was met together with items of the history.
    """

    item: NDArray[np.int32]
    text_score: NDArray[np.float32]
    neighbour_score: NDArray[np.float32]
    source: NDArray[np.int8]
    company_score: NDArray[np.float32]

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """[users, places], where there is no candidate."""
        return self.item < 0
