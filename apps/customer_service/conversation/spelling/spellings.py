"""How a text is spelled: its runs of characters, weighted by how rare they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Of the shortest and the longest run.
LENGTHS = (1, 4)


class Spellings:
    """TF-IDF of runs of one to four characters, as scikit-learn's `TfidfVectorizer` fitted it.

    Reading is done here, so that a server needs no scikit-learn: that is 140 MB, and seconds.

    Args:
        runs: in the order of the columns.
        rarity: [runs], the logarithm of how few texts have each.
    """

    def __init__(self, runs: Sequence[str], rarity: NDArray[np.float64]) -> None:
        self.runs = list(runs)
        self.rarity = rarity

    @cached_property
    def _column(self) -> dict[str, int]:
        return {run: number for number, run in enumerate(self.runs)}

    def read(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The columns that a text has, and what each counts: 1 + ln(times), by rarity, length 1."""
        counted = Counter(self._column[run] for run in _runs(text) if run in self._column)
        columns = np.array(list(counted), dtype=np.int64)
        times = np.array(list(counted.values()), dtype=np.float64)
        values = (1 + np.log(times)) * self.rarity[columns]
        length = float(np.linalg.norm(values))
        return columns, values / length if length else values


def _runs(text: str) -> Iterator[str]:
    """Of each word, between two spaces; a word that is shorter than a run counts once."""
    shortest, longest = LENGTHS
    for word in text.lower().split():
        padded = f" {word} "
        for length in range(shortest, longest + 1):
            for start in range(max(len(padded) - length + 1, 1)):
                yield padded[start : start + length]
            if len(padded) <= length:
                break
