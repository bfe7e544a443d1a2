"""Figures of ranked lists, one value a list, many lists at once.

A list is a row of numbers of items, the best first; -1 marks a place without an item. Where a
figure is not defined, say the recall of nothing, it is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Lists whose vectors are gathered at once: what 256 of 50 places take is bounded.
BLOCK = 256


def hits(ranked: Integers, relevant: Sequence[Integers]) -> Bools:
    """[lists, places], where a list holds an item that is relevant for it.

    Args:
        ranked: [lists, places].
        relevant: the numbers of the right items, one array a list, in any order.
    """
    if len(ranked) != len(relevant):
        raise ValueError("give as many lists as sets of relevant items")
    row = np.repeat(np.arange(len(relevant)), [len(items) for items in relevant])
    right = np.concatenate([np.empty(0, np.int64), *relevant]).astype(np.int64)
    width = int(max(ranked.max(initial=0), right.max(initial=0))) + 1
    places = np.arange(len(ranked))[:, None] * width + ranked
    return np.isin(places, row * width + right) & (ranked >= 0)


def ndcg_at_k(hits: Bools, relevant: Integers, k: int) -> Floats:
    """Discounted cumulative gain over that of the best list (Järvelin & Kekäläinen 2002).

    Args:
        hits: [lists, places].
        relevant: [lists], how many items are relevant for each.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = hits[:, :k] @ discount[: hits.shape[1]]
    best = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(relevant, k)]
    return np.asarray(gain / best)


def recall_at_k(hits: Bools, relevant: Integers, k: int) -> Floats:
    """Share of the relevant items that stand among the first `k`; shapes as `ndcg_at_k`."""
    return np.asarray(hits[:, :k].sum(1) / np.where(relevant, relevant, np.nan))


def reciprocal_rank_at_k(hits: Bools, relevant: Integers, k: int) -> Floats:
    """1 / rank of the first hit among the first `k`, else 0; shapes as `ndcg_at_k`."""
    first = hits[:, :k].argmax(1)
    found = hits[:, :k].any(1) / (first + 1.0)
    return np.where(relevant > 0, found, np.nan)


def area_by_group(scores: NDArray[Any], positive: NDArray[Any], group: Integers) -> Floats:
    """Area under the ROC curve within each group, e.g. each user; a tie counts one half.

    Args:
        scores, positive, group: [rows]; groups are numbers from 0.

    Returns:
        [groups], NaN where all rows of a group are positive or none is.
    """
    if not len(scores):
        return np.empty(0)
    order = np.lexsort((scores, group))
    score, label, of = scores[order], positive[order].astype(bool), group[order]
    # Equal scores of one group share the mean of their ranks.
    begins = np.concatenate([[True], (score[1:] != score[:-1]) | (of[1:] != of[:-1])])
    tie = np.cumsum(begins) - 1
    rank = (np.bincount(tie, np.arange(len(score))) / np.bincount(tie))[tie]
    rows = np.bincount(of)
    rank -= (np.cumsum(rows) - rows)[of] - 1.0
    positives = np.bincount(of, label)
    above = np.bincount(of, rank * label) - positives * (positives + 1) / 2
    pairs = positives * (rows - positives)
    return np.asarray(above / np.where(pairs, pairs, np.nan))


def coverage(ranked: Integers, items: int) -> float:
    """Share of all `items` that stand in at least one list."""
    return len(np.unique(ranked[ranked >= 0])) / items if items else 0.0


def intra_list_diversity(ranked: Integers, vectors: NDArray[np.float32]) -> Floats:
    """[lists], mean of 1 - cosine over the pairs of a list (Ziegler et al. 2005).

    Args:
        vectors: [items, width], of any length; a zero vector has the cosine 0 with every other.
    """
    return np.concatenate(
        [np.empty(0)]
        + [
            _diversity(ranked[start : start + BLOCK], vectors)
            for start in range(0, len(ranked), BLOCK)
        ]
    )


def _diversity(ranked: Integers, vectors: NDArray[np.float32]) -> Floats:
    found = vectors[ranked].astype(np.float64)
    length = np.linalg.norm(found, axis=2, keepdims=True)
    found *= (ranked >= 0)[:, :, None] / np.where(length, length, 1.0)
    # The squared length of a sum holds each pair twice, and each vector with itself.
    together = (found.sum(1) ** 2).sum(1) - (found**2).sum((1, 2))
    count = (ranked >= 0).sum(1)
    pairs = count * (count - 1)
    return np.asarray(1.0 - together / np.where(pairs, pairs, np.nan))


def novelty(ranked: Integers, counts: Integers, users: int) -> Floats:
    """[lists], mean surprise in bits: -log2 of the share of users who know the item.

    Vargas & Castells 2011. One user more knows each item, so that an unknown one is finite.

    Args:
        counts: [items], how many of the `users` know each.
    """
    surprise = -np.log2((counts + 1.0) / (users + 1.0))
    there = ranked >= 0
    count = there.sum(1)
    return np.asarray((surprise[ranked] * there).sum(1) / np.where(count, count, np.nan))


def gini(counts: Integers) -> float:
    """How unequally `counts` [items] are spread: 0 all equal, near 1 all on one item."""
    total, items = counts.sum(), len(counts)
    if not total:
        return 0.0
    place = np.arange(1, items + 1)
    return float(((2 * place - items - 1) * np.sort(counts)).sum() / (items * total))
