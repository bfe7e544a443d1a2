"""What a model goes on learning from, so that it does not forget: a few texts of each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_EXEMPLARS = 2000


def herd(
    vectors: NDArray[np.float32], classes: Sequence[Hashable], most: int = MOST_EXEMPLARS
) -> list[int]:
    """Exemplars whose mean stays near the mean of their class (Welling 2009; iCaRL, Rebuffi 2017).

    Args:
        vectors: [texts, width].
        classes: of each text.
        most: exemplars of all classes together; each class gets the same share, those with fewer
            texts keep all of them.

    Returns:
        Rows of `vectors`, in their order; all of them where there are no more than `most`.
    """
    if len(classes) <= most:
        return list(range(len(classes)))
    rows_of: dict[Hashable, list[int]] = defaultdict(list)
    for row, name in enumerate(classes):
        rows_of[name].append(row)
    chosen: list[int] = []
    # The smallest first: what they leave over is shared by the larger ones.
    for done, rows in enumerate(sorted(rows_of.values(), key=len)):
        share = (most - len(chosen)) // (len(rows_of) - done)
        chosen += [rows[i] for i in _herd_class(vectors[rows], min(share, len(rows)))]
    return sorted(chosen)


def herd_each(
    vectors: NDArray[np.float32], labels: Sequence[Collection[Hashable]], each: int
) -> list[int]:
    """Exemplars of each label by itself, where a text may have several.

    Args:
        vectors: [texts, width].
        labels: of each text.
        each: how many of each label; one with fewer texts keeps all of them.

    Returns:
        Rows of `vectors`, in their order.
    """
    rows_of: dict[Hashable, list[int]] = defaultdict(list)
    for row, names in enumerate(labels):
        for name in names:
            rows_of[name].append(row)
    chosen: set[int] = set()
    for rows in rows_of.values():
        chosen |= {rows[i] for i in _herd_class(vectors[rows], min(each, len(rows)))}
    return sorted(chosen)


def _herd_class(vectors: NDArray[np.float32], count: int) -> list[int]:
    mean, total = vectors.mean(0), np.zeros_like(vectors[0])
    left = np.ones(len(vectors), dtype=bool)
    chosen: list[int] = []
    for number in range(1, count + 1):
        distance = np.square(mean - (total + vectors) / number).sum(1)
        best = int(np.where(left, distance, np.inf).argmin())
        chosen.append(best)
        left[best] = False
        total = total + vectors[best]
    return chosen
