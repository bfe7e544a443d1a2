"""Which items of a user's history speak for each item of their list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

NOTHING = -1
# Of so many random pairs of items, the share whose cosine says nothing.
PAIRS, USUAL_SHARE = 20_000, 0.95
# The table that finds an item's place in the lists of a block holds about so many entries.
TABLE_ENTRIES = 1_000_000
USERS_AT_ONCE = 64
# What an item points at beyond these many, hardly anybody chooses because of it.
STRONGEST = 20
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Evidence:
    """For each row of the lists one place of the user's history.

    Attributes:
        place: [users, k] places of the history, -1 where nothing speaks.
        strength: [users, k], 0 where nothing speaks.
    """

    place: Int32
    strength: Float32


def usual_similarity(vectors: NDArray[Any], seed: int = 0) -> float:
    """The cosine that 95 of 100 random pairs of items stay below: only above it, two are close.

    Args:
        vectors: [items, width] of length 1.
    """
    if len(vectors) < 2:
        return 1.0
    random = np.random.default_rng(seed)
    one = random.integers(len(vectors), size=PAIRS)
    other = (one + random.integers(1, len(vectors), size=PAIRS)) % len(vectors)
    cosines = np.einsum("pw,pw->p", vectors[one], vectors[other], dtype=np.float32)
    return float(np.quantile(cosines, USUAL_SHARE))


def strongest_links(weights: Any, most: int = STRONGEST) -> Any:
    """The `most` strongest entries of each row of a scipy CSR, as another one."""
    kept = [np.empty(0, np.int64)]
    for start in range(0, weights.shape[0], ROWS_AT_ONCE):
        offsets = weights.indptr[start : start + ROWS_AT_ONCE + 1].astype(np.int64)
        row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        order = np.lexsort((-weights.data[offsets[0] : offsets[-1]], row))
        rank = np.arange(len(row)) - (offsets - offsets[0])[row]
        kept.append(np.sort(order[rank < most]) + offsets[0])
    entry = np.concatenate(kept)
    length = np.minimum(np.diff(weights.indptr), most)
    offsets = np.concatenate([[0], np.cumsum(length)])
    parts = (weights.data[entry], weights.indices[entry], offsets)
    return sparse.csr_matrix(parts, shape=weights.shape)


def closest(
    items: Int32, history: Int32, vectors: NDArray[Any], least: float
) -> tuple[Evidence, Evidence]:
    """The item of the history with the nearest text, and the next nearest other one.

    Args:
        items: [users, k] item numbers, -1 where there is none.
        history: [users, length] item numbers, oldest first, -1 where there is none.
        vectors: [items, width] of length 1.
        least: the cosine from which two texts are close.
    """
    cosine = np.empty((*items.shape, history.shape[1]), np.float32)
    for start in range(0, len(items), USERS_AT_ONCE):
        part = slice(start, start + USERS_AT_ONCE)
        one, other = _gather(vectors, items[part]), _gather(vectors, history[part])
        np.matmul(one, other.transpose(0, 2, 1), out=cosine[part])
    cosine = np.where((items < 0)[:, :, None] | (history < 0)[:, None, :], -np.inf, cosine)
    first = _strongest(cosine, least)
    taken = np.take_along_axis(history, np.maximum(first.place, 0), 1)
    second = _strongest(np.where(history[:, None] == taken[..., None], -np.inf, cosine), least)
    return first, second


def pointing(items: Int32, history: Int32, weights: Any) -> Evidence:
    """The item of the history that points at each item most strongly.

    Args:
        items, history: as for `closest`.
        weights: scipy CSR [items, items]; row i holds how strongly item i points at others.
    """
    found = np.zeros((*items.shape, history.shape[1]), np.float32)
    at_once = max(1, TABLE_ENTRIES // max(weights.shape[1], 1))
    table = np.full((min(at_once, len(items)), weights.shape[1]), NOTHING, np.int16)
    for start in range(0, len(items), at_once):
        part = slice(start, start + at_once)
        _look_up(items[part], history[part], weights, table, found[part])
    return _strongest(found, float(np.finfo(np.float32).tiny))


def _look_up(
    items: Int32, history: Int32, weights: Any, table: NDArray[np.int16], found: Float32
) -> None:
    """Write weights[history item, item] into `found` [users, k, length]; `table` stays empty."""
    listed = np.nonzero(items >= 0)
    entries = listed[0], items[listed]
    table[entries] = listed[1]
    user, place = np.nonzero(history >= 0)
    begin = weights.indptr[history[user, place]].astype(np.int64)
    length = weights.indptr[history[user, place] + 1] - begin
    end = np.cumsum(length)
    entry = np.arange(length.sum()) + np.repeat(begin - end + length, length)
    keys = weights.indices[entry] + np.repeat(user * table.shape[1], length)
    column = table.reshape(-1)[keys]
    hits = np.flatnonzero(column != NOTHING)
    event = np.searchsorted(end, hits, side="right")
    found[user[event], column[hits], place[event]] = weights.data[entry[hits]]
    table[entries] = NOTHING


def _gather(vectors: NDArray[Any], numbers: Int32) -> Float32:
    return np.asarray(vectors[np.maximum(numbers, 0)], np.float32)


def _strongest(strength: Float32, least: float) -> Evidence:
    """The strongest along the last axis, the latest of equals, where it reaches `least`."""
    length = strength.shape[-1]
    place = length - 1 - strength[..., ::-1].argmax(-1)
    value = np.take_along_axis(strength, place[..., None], -1)[..., 0]
    speaks = value >= least
    return Evidence(
        np.where(speaks, place, -1).astype(np.int32), np.where(speaks, value, 0).astype(np.float32)
    )
