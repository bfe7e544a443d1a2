"""The best of each row, equal scores in the order of their places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

GROUP = 32
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
    rows, n = scores.shape
    groups = n // GROUP
    if groups <= 2 * k:
        keys = pack(scores, np.arange(n))
    else:
        whole = scores[:, : groups * GROUP].reshape(rows, groups, GROUP)
        chosen = _places(largest(pack(_maxima(whole), np.arange(groups)), k))
        places = (chosen[:, :, None] * GROUP + np.arange(GROUP)).reshape(rows, -1)
        rest = np.broadcast_to(np.arange(groups * GROUP, n), (rows, n - groups * GROUP))
        places = np.concatenate([places, rest], axis=1)
        keys = pack(np.take_along_axis(scores, places, axis=1), places)
    return unpack(np.sort(largest(keys, k), axis=1)[:, ::-1], k)


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
    places = np.where(np.isneginf(scores), -1, _places(keys)).astype(np.int32)
    missing = ((0, 0), (0, k - keys.shape[1]))
    return (
        np.pad(places, missing, constant_values=-1),
        np.pad(scores, missing, constant_values=-np.inf),
    )


def largest(keys: Int64, k: int) -> Int64:
    """The `k` largest of each row, in no order."""
    n = keys.shape[1]
    return keys if n <= k else np.partition(keys, n - k, axis=1)[:, n - k :]


def _places(keys: Int64) -> Int64:
    return LOW - (keys & LOW)
