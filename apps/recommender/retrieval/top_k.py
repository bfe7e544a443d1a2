"""The best of each row, equal scores in the order of their places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

GROUP = 32
ROWS = 16
LOW = np.int64(0xFFFFFFFF)


def best_of_rows(scores: Float32, k: int) -> tuple[Int32, Float32]:
    """The `k` best places of each row and their scores, best first.

    The k best of a row lie in the k groups of `GROUP` neighbouring places whose maxima are best,
    so only these groups are searched. It is exact, ties included: where two scores are equal, the
    lower place comes first.

    Args:
        scores: [rows, n], contiguous, without NaN; -inf is what may not be chosen.
        k: more than n fills the list up.

    Returns:
        [rows, k] places and scores; -1 and -inf where a row has no more.
    """
    rows, _ = scores.shape
    found = np.full((rows, k), -1, np.int32)
    best = np.full((rows, k), -np.inf, np.float32)
    # A few rows at a time stay in the cache.
    for start in range(0, rows, ROWS):
        block = slice(start, start + ROWS)
        found[block], best[block] = unpack(np.sort(_candidates(scores[block], k))[:, ::-1], k)
    return found, best


def _candidates(scores: Float32, k: int) -> Int64:
    """Keys of the `k` best of each row, in no order."""
    rows, n = scores.shape
    groups = n // GROUP
    if groups <= 2 * k:
        return largest(pack(scores, np.arange(n)), k)
    whole, rest = scores[:, : groups * GROUP], np.arange(groups * GROUP, n)
    grouped = whole.reshape(rows, groups, GROUP)
    chosen = places_of(largest(pack(_maxima(grouped), np.arange(groups)), k))
    within = grouped[np.arange(rows)[:, None], chosen]
    places = chosen[:, :, None] * GROUP + np.arange(GROUP)
    keys = [pack(within, places).reshape(rows, -1), pack(scores[:, rest], rest)]
    return largest(np.concatenate(keys, axis=1), k)


def _maxima(grouped: Float32) -> Float32:
    """[rows, groups, size] → [rows, groups]; torch does it several times faster than numpy."""
    import torch

    return np.asarray(torch.from_numpy(grouped).amax(2).numpy())


def pack(scores: Float32, places: Int64) -> Int64:
    """One integer for a score and its place: larger is a better score, or the lower place."""
    bits = np.ascontiguousarray(scores).view(np.int32)
    ordered = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return (ordered.astype(np.int64) << 32) | (LOW - places)


def unpack(keys: Int64, k: int) -> tuple[Int32, Float32]:
    """Places and scores of `keys` [rows, ≤ k], filled up to k with -1 and -inf."""
    ordered = (keys >> 32).astype(np.int32)
    scores = (ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)
    places = np.where(np.isneginf(scores), -1, places_of(keys)).astype(np.int32)
    missing = ((0, 0), (0, k - keys.shape[1]))
    return (
        np.pad(places, missing, constant_values=-1),
        np.pad(scores, missing, constant_values=-np.inf),
    )


def largest(keys: Int64, k: int) -> Int64:
    """The `k` largest of each row, in no order."""
    n = keys.shape[1]
    return keys if n <= k else np.partition(keys, n - k, axis=1)[:, n - k :]


def places_of(keys: Int64) -> Int64:
    """The places in `keys`."""
    return LOW - (keys & LOW)
