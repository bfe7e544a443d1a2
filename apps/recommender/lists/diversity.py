"""Re-ranking the head of a list, so that it is relevant and its items differ from one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Method = Literal["dpp", "mmr"]

FIRST = 100
# Below this, what an item adds to the volume is rounding error of float32.
LEAST_VOLUME = 1e-5
# The similarities of so many users stay in the processor's cache.
USERS_AT_ONCE = 64


@dataclass(frozen=True)
class Cap:
    """At most `most` items of one group in a list.

    Attributes:
        groups: [items, groups of one item], group numbers, -1 where there is none.
    """

    groups: Int32
    most: int


def rerank(
    items: Int32,
    relevance: NDArray[Any],
    vectors: NDArray[Any],
    k: int,
    weight: float,
    method: Method = "dpp",
    *,
    caps: Sequence[Cap] = (),
    first: int = FIRST,
    diverse: int | None = None,
) -> Int32:
    """The `k` places of each list in their new order, chosen greedily among its `first` best.

    `weight` weighs difference against relevance, from 0 (the order of relevance) to 1
    (difference alone). Relevance is stretched to 0…1 within each list. The difference is, for
    `dpp`, the logarithm of the squared volume that an item adds to those chosen: the greedy MAP
    of a determinantal point process (Chen, Zhang & Zhou 2018, arXiv 1709.05135); for `mmr`, the
    cosine to the nearest one chosen (Carbonell & Goldstein 1998).

    Args:
        items: [users, places] item numbers, -1 where there is none.
        relevance: [users, places], higher is better, finite where there is an item.
        vectors: [items, width] of length 1; an item of zeros is like no other.
        caps: kept without exception, so that a list may end before `k`.
        diverse: so many places are chosen for their difference, and those behind them by relevance
            alone; default: all.

    Returns:
        [users, k] places; those left over hold -1 and stand last.
    """
    order = _by_relevance(items, relevance)[:, : max(first, k)]
    items = np.take_along_axis(items, order, 1)
    if weight > 0 or caps:
        scaled = stretched(np.take_along_axis(relevance, order, 1), items >= 0)
        parts = [slice(at, at + USERS_AT_ONCE) for at in range(0, len(items), USERS_AT_ONCE)]
        chosen = np.full((len(items), k), -1, np.int32)
        for part in parts:
            kernel = _similarities(items[part], vectors) if weight > 0 else None
            difference = _DIFFERENCES[method](kernel, k) if kernel is not None else None
            chosen[part] = _choose(
                items[part],
                scaled[part],
                difference,
                k,
                weight,
                caps,
                k if diverse is None else diverse,
            )
    else:
        chosen = _all_in_order(items, k)
    return np.where(chosen < 0, -1, np.take_along_axis(order, chosen, 1)).astype(np.int32)


def _by_relevance(items: Int32, relevance: NDArray[Any]) -> Int64:
    """[users, places], best first, equals in their order, empty places last."""
    order: Int64 = np.argsort(np.where(items < 0, np.inf, -relevance), axis=1, kind="stable")
    return order


def stretched(relevance: NDArray[Any], present: Mask) -> Float32:
    """Relevance of each list stretched to 0…1; all 0 where all are equal."""
    low = np.where(present, relevance, np.inf).min(1, keepdims=True, initial=np.inf)
    high = np.where(present, relevance, -np.inf).max(1, keepdims=True, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    return np.where(present, (relevance - np.minimum(low, high)) / span, 0.0).astype(np.float32)


def _similarities(items: Int32, vectors: NDArray[Any]) -> Float32:
    """[users, places, places] cosines, 1 on the diagonal."""
    found = np.asarray(vectors[np.maximum(items, 0)], np.float32)
    kernel: Float32 = found @ found.transpose(0, 2, 1)
    diagonal = np.arange(items.shape[1])
    kernel[:, diagonal, diagonal] = 1.0
    return kernel


def _all_in_order(items: Int32, k: int) -> Int32:
    chosen = np.full((len(items), k), -1, np.int32)
    head = items[:, :k]
    chosen[:, : head.shape[1]] = np.where(head < 0, -1, np.arange(head.shape[1]))
    return chosen


def _choose(
    items: Int32,
    relevance: Float32,
    difference: _Difference | None,
    k: int,
    weight: float,
    caps: Sequence[Cap],
    diverse: int,
) -> Int32:
    """[users, k]: at each step the open place with the largest weighted sum, -1 when none is."""
    rows = np.arange(len(items))
    is_open: Mask = items >= 0
    counts = [_Count(cap, items) for cap in caps]
    chosen = np.full((len(items), k), -1, np.int32)
    for step in range(min(k, items.shape[1])):
        is_diverse = difference is not None and step < diverse
        value = relevance
        if difference is not None and is_diverse:
            value = (1 - weight) * relevance + weight * difference.now()
        best = np.where(is_open, value, -np.inf).argmax(1)
        found = is_open[rows, best]
        if not found.any():
            break
        chosen[:, step] = np.where(found, best, -1)
        is_open[rows, best] = False
        for count in counts:
            is_open = np.logical_and(is_open, count.after(best, found))
        if difference is not None and is_diverse:
            difference.take(best)
    return chosen


class _Count:
    """How many of each item's groups are in the list already."""

    def __init__(self, cap: Cap, items: Int32) -> None:
        groups = np.where(items[:, :, None] < 0, -1, cap.groups[np.maximum(items, 0)])
        users = np.arange(len(items))[:, None, None] * (int(groups.max(initial=0)) + 1)
        keys, counter = np.unique(np.where(groups < 0, -1, users + groups), return_inverse=True)
        self._most = cap.most
        # One plane a group: a sum along so short a last axis would take far longer.
        self._counters = np.moveaxis(counter.reshape(groups.shape), 2, 0).copy()
        # What is in no group is counted as well, but never comes up to a limit.
        self._taken = np.where(keys < 0, np.iinfo(np.int32).min, 0)

    def after(self, best: Int64, found: Mask) -> Mask:
        """Count the items of places `best` where `found`; [users, places] that may still come."""
        self._taken[self._counters[:, np.arange(len(best)), best][:, found]] += 1
        is_full = self._taken >= self._most
        allowed = np.ones(self._counters.shape[1:], np.bool_)
        for counter in self._counters:
            allowed &= ~is_full[counter]
        return allowed


class _Difference(Protocol):
    """How much each place differs from those taken so far."""

    def now(self) -> Float32:
        """[users, places], higher is more different."""

    def take(self, best: Int64) -> None:
        """Add the places `best` [users] to what is taken."""


class _Volume:
    """Log of the squared distance from the span of the items taken, by an incremental Cholesky."""

    def __init__(self, kernel: Float32, k: int) -> None:
        users, places, _ = kernel.shape
        self._kernel = kernel
        self._rows = np.arange(users)
        self._factors = np.empty((users, k, places), np.float32)
        self._left = np.ones((users, places), np.float32)
        self._step = 0

    def now(self) -> Float32:
        volume: Float32 = np.log(np.maximum(self._left, LEAST_VOLUME))
        return volume

    def take(self, best: Int64) -> None:
        row = self._kernel[self._rows, best]
        earlier = self._factors[:, : self._step]
        row -= (earlier[self._rows, :, best][:, None] @ earlier)[:, 0]
        row /= np.sqrt(np.maximum(self._left[self._rows, best], LEAST_VOLUME))[:, None]
        self._factors[:, self._step] = row
        self._left -= row * row
        self._step += 1


class _Nearest:
    """Minus the cosine to the nearest item taken; 0 before the first."""

    def __init__(self, kernel: Float32, k: int) -> None:
        self._kernel = kernel
        self._rows = np.arange(len(kernel))
        self._nearest: Float32 | None = None

    def now(self) -> Float32:
        nearest = self._nearest
        return np.zeros(self._kernel.shape[:2], np.float32) if nearest is None else -nearest

    def take(self, best: Int64) -> None:
        row = self._kernel[self._rows, best]
        self._nearest = row if self._nearest is None else np.maximum(self._nearest, row)


_DIFFERENCES: dict[Method, type[_Volume] | type[_Nearest]] = {"dpp": _Volume, "mmr": _Nearest}
