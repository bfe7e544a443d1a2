"""Exact search: the items whose vectors agree best with one of a user's interests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.interactions.events import Events, Int64
from apps.recommender.retrieval.top_k import Float32, Int32, best_of_rows

# Products that are held at once: this many vectors with this many items, 128 MiB.
VECTORS = 256
ITEMS = 131_072
# Up to so many vectors, items are gone through in stretches that the cache holds, 1.5 MiB.
FEW, STRETCH = 4, 1024


def exact_top_k(
    vectors: Float32,
    items: Float32,
    k: int,
    *,
    allowed: NDArray[np.bool_] | None = None,
    excluded: csr_array | None = None,
) -> tuple[Int32, Float32]:
    """The `k` items with the largest scores of each user, best first, ties by item number.

    The score is the largest dot product with any of the user's interests. Memory is bounded
    whatever the number of items and users, and what is left out costs by its number alone.

    Args:
        vectors: [users, interests, width].
        items: [n, width], possibly a memory map.
        allowed: [n], which items may be found at all.
        excluded: [users, n], stored values are what may not be found for a user (`seen`).

    Returns:
        [users, k] item numbers, -1 where there is none; [users, k] scores, -inf there.
    """
    users, interests, _ = vectors.shape
    found = np.full((users, k), -1, np.int32)
    scores = np.full((users, k), -np.inf, np.float32)
    step = max(1, VECTORS // interests)
    # Memory that is used again: fresh pages cost as much as the selection.
    room = np.empty((step * interests, min(ITEMS, len(items))), np.float32)
    for start in range(0, users, step):
        block = slice(start, min(start + step, users))
        # One interest after the other, so that their maximum is taken of whole rows.
        queries = np.ascontiguousarray(vectors[block].transpose(1, 0, 2))
        left_out = None if excluded is None else _pairs(excluded, block)
        for first in range(0, len(items), ITEMS):
            product = largest_products(queries, items[first : first + ITEMS], room)
            if allowed is not None:
                product[:, ~allowed[first : first + ITEMS]] = -np.inf
            if left_out is not None:
                _leave_out(product, left_out, first)
            best, score = best_of_rows(product, k)
            found[block], scores[block] = _merge(
                found[block], scores[block], np.where(best < 0, -1, best + first), score
            )
    return found, scores


def seen(events: Events, users: Int64, items: int) -> csr_array:
    """[len(users), items], True at every item of a user's events."""
    counts = events.counts()[users]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    place = np.arange(offsets[-1]) + np.repeat(events.offsets[users] - offsets[:-1], counts)
    stored = np.ones(len(place), np.bool_)
    return csr_array((stored, events.item[place], offsets), shape=(len(users), items))


def largest_products(queries: Float32, items: Float32, room: Float32 | None = None) -> Float32:
    """[interests, users, width] and [n, width] → [users, n], the largest of interests.

    Args:
        room: memory that is used for it, at least [interests · users, n].
    """
    interests, users, width = queries.shape
    rows = interests * users
    if room is None:
        room = np.empty((rows, len(items)), np.float32)
    out = room.reshape(-1)[: rows * len(items)].reshape(rows, len(items))
    flat = queries.reshape(-1, width)
    if len(flat) <= FEW:
        # So few wait for memory, not for arithmetic: each stretch of items is read once for all.
        for first in range(0, len(items), STRETCH):
            part = slice(first, first + STRETCH)
            for vector, row in zip(flat, out, strict=True):
                np.matmul(items[part], vector, out=row[part])
    else:
        np.matmul(flat, items.T, out=out)
    product = out.reshape(interests, users, len(items))
    for other in product[1:]:
        np.maximum(product[0], other, out=product[0])
    best: Float32 = product[0]
    return best


def _pairs(excluded: csr_array, block: slice) -> tuple[Int64, Int32]:
    rows = excluded[block]
    return np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices


def _leave_out(product: Float32, pairs: tuple[Int64, Int32], first: int) -> None:
    row, item = pairs
    here = (item >= first) & (item < first + product.shape[1])
    product[row[here], item[here] - first] = -np.inf


def _merge(
    items: Int32, scores: Float32, more_items: Int32, more_scores: Float32
) -> tuple[Int32, Float32]:
    """Two lists a row into one; at equal scores the first list's, whose items are lower, lead."""
    both_items = np.concatenate([items, more_items], axis=1)
    both_scores = np.concatenate([scores, more_scores], axis=1)
    order = np.argsort(-both_scores, axis=1, kind="stable")[:, : items.shape[1]]
    return np.take_along_axis(both_items, order, 1), np.take_along_axis(both_scores, order, 1)
