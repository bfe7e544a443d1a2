"""Some users and their candidates: what all stages after the search work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Histories, Int32, Int64
from apps.recommender.retrieval.candidates import Candidates

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """Some users, their candidates and what the second stage ranks them by.

    `simple` is [rows, places], the scores of the simple method that is blended in, if one is;
    `cold` those of cold items, -inf at all other places.
    """

    users: Int64
    past: Histories
    candidates: Candidates
    features: NDArray[np.float32]
    simple: Float32 | None = None
    cold: Float32 | None = None


def padded(lists: Sequence[Int32]) -> Int32:
    """[rows, longest], -1 behind the end of each."""
    padded = np.full((len(lists), max(map(len, lists))), -1, np.int32)
    for row, items in enumerate(lists):
        padded[row, : len(items)] = items
    return padded


def taken(values: NDArray[Any], order: Int32, filling: float) -> NDArray[Any]:
    """Values [rows, places] in their new order [rows, k]."""
    taken = np.take_along_axis(values, np.maximum(order, 0), 1)
    return np.where(order < 0, np.array(filling, values.dtype), taken)
