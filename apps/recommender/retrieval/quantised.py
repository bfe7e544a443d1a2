"""Exact search for one user at a time, read mostly from bytes: what cannot be among the best is
left out by a bound, and only what can is multiplied in full precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.retrieval.exact import exact_top_k
from apps.recommender.retrieval.top_k import Float32, Int32, best_of_rows

# With fewer items, reading all of them takes a few milliseconds.
FEWEST_ITEMS = 20_000
# More vectors at once share one pass over the items, and are faster by a matrix product.
MOST_VECTORS = 4
# So many times what is asked for is looked at in full precision.
BREADTH = 4
# What sums of single precision may be off by.
ROUNDING = 1e-5
ROWS = 8192


class QuantisedSearch:
    """A copy of the items in 8 bits a component (faiss `QT_8bit_uniform`), and how far it is off.

    The product of a query with the copy differs from the true one by at most the query's length
    times the greatest distance of an item from its copy (Cauchy–Schwarz). Where the best of the
    copy, multiplied again, are above all that this leaves to the others, they are the exact best;
    elsewhere all items are read.

    One scale for all components is read twice as fast as a scale for each. So that none needs a
    wider one than the others, all vectors are turned alike, at random: products stay what they
    are.

    Args:
        items: [n, width].
    """

    def __init__(self, items: Float32) -> None:
        import faiss

        width = items.shape[1]
        self._items = items
        drawn = np.random.default_rng(0).standard_normal((width, width))
        self._turn = np.linalg.qr(drawn)[0].astype(np.float32)
        scalar = faiss.ScalarQuantizer.QT_8bit_uniform
        self._index = faiss.IndexScalarQuantizer(width, scalar, faiss.METRIC_INNER_PRODUCT)
        bounds = [(part.min(), part.max()) for part in self._turned()]
        ends = np.array([min(low for low, _ in bounds), max(high for _, high in bounds)])
        self._index.train(np.repeat(ends[:, None], width, 1).astype(np.float32))
        self._off = 0.0
        for part in self._turned():
            first = self._index.ntotal
            self._index.add(part)
            copy = self._index.reconstruct_n(first, len(part))
            self._off = max(self._off, float(np.linalg.norm(part - copy, axis=1).max()))

    def _turned(self) -> Iterator[Float32]:
        """The items, so many at a time, as the copy holds them."""
        for first in range(0, len(self._items), ROWS):
            yield np.asarray(self._items[first : first + ROWS] @ self._turn)

    def top_k(
        self,
        vectors: Float32,
        k: int,
        *,
        allowed: NDArray[np.bool_],
        excluded: csr_array,
    ) -> tuple[Int32, Float32]:
        """What `exact_top_k` finds, arguments as there."""
        users, interests, _ = vectors.shape
        if users * interests > MOST_VECTORS:
            return exact_top_k(vectors, self._items, k, allowed=allowed, excluded=excluded)
        found = np.full((users, k), -1, np.int32)
        scores = np.full((users, k), -np.inf, np.float32)
        for user in range(users):
            own = excluded[[user]]
            best = self._of_one(vectors[user], k, allowed, own.indices)
            if best is None:
                one = vectors[user : user + 1]
                best = exact_top_k(one, self._items, k, allowed=allowed, excluded=own)
            found[user], scores[user] = best[0][0], best[1][0]
        return found, scores

    def _of_one(
        self, vectors: Float32, k: int, allowed: NDArray[np.bool_], excluded: NDArray[Any]
    ) -> tuple[Int32, Float32] | None:
        """[1, k] items and scores of [interests, width]; None where they are not shown to be so."""
        free = allowed.copy()
        free[excluded] = False
        depth = min(BREADTH * k, len(free))
        near, number = self._index.search(vectors @ self._turn, depth, params=_among(free))
        candidates = np.unique(number[number >= 0])
        true = (self._items[candidates] @ vectors.T).max(1)
        place, scores = best_of_rows(np.ascontiguousarray(true[None]), k)
        # An interest that ran out of items leaves nothing to others.
        left = np.where((number < 0).any(1), -np.inf, near.min(1))
        most = left + np.linalg.norm(vectors, axis=1) * self._off + ROUNDING
        if not np.isneginf(most).all() and not scores[0, -1] > most.max():
            return None
        # Place -1 takes the one behind the end.
        return np.append(candidates, -1)[place].astype(np.int32), scores


def _among(free: NDArray[np.bool_]) -> Any:
    """Parameters of a search by which only these items are found."""
    import faiss

    # Its stubs are those of the C++ below, which takes pointers.
    wrapped: Any = faiss
    bitmap = wrapped.IDSelectorBitmap(np.packbits(free, bitorder="little"))
    return wrapped.SearchParameters(sel=bitmap)
