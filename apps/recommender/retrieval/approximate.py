"""Search among more items than can be gone through one by one: faiss, and what it misses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.retrieval.exact import exact_top_k
from common.console import say

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

# Up to here exact search is fast enough, and misses nothing.
MOST_EXACT = 1_000_000
LINKS = 32
BUILD_DEPTH, SEARCH_DEPTH = 80, 400
FILE = "items.faiss"
QUERIES_SAMPLED = 200
# So many more are looked for than are wanted, for what of them is a user's own, or kept out.
MOST_LEFT_OUT = 1000


class ApproximateSearch:
    """A navigable small world (Malkov & Yashunin 2018, arXiv 1603.09320) over item vectors.

    It holds only items that may be recommended; a user's own are left out of what it finds.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    def top_k(self, vectors: Float32, k: int, excluded: csr_array) -> tuple[Int32, Float32]:
        """As `exact_top_k`, but for what it misses; fewer than `k` where much is excluded.

        Args:
            vectors: [users, interests, width].
            excluded: [users, items], stored values are what may not be found.
        """
        users, _, width = vectors.shape
        known = min(int(np.diff(excluded.indptr).max(initial=0)), MOST_LEFT_OUT)
        flat = np.ascontiguousarray(vectors.reshape(-1, width))
        score, item = self._index.search(flat, min(k + known, self._index.ntotal))
        score, item = score.reshape(users, -1), item.reshape(users, -1)
        for user in range(users):
            own = excluded.indices[excluded.indptr[user] : excluded.indptr[user + 1]]
            item[user, np.isin(item[user], own)] = -1
        score = np.where(item < 0, -np.inf, score)
        return _best_once(item.astype(np.int32), score.astype(np.float32), k)

    def save(self, directory: Path) -> None:
        """Write `items.faiss` into `directory`."""
        import faiss

        faiss.write_index(self._index, str(directory / FILE))


def load_search(directory: Path) -> ApproximateSearch | None:
    """What `save` wrote, mapped rather than read; None where nothing was."""
    import faiss

    path = directory / FILE
    if not path.exists():
        return None
    return ApproximateSearch(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))


def build_search(items: Float32, allowed: NDArray[np.bool_]) -> ApproximateSearch:
    """An index over the allowed items of `items` [items, width]; says what share it finds."""
    import faiss

    graph = faiss.IndexHNSWFlat(items.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD_DEPTH, SEARCH_DEPTH
    index = faiss.IndexIDMap2(graph)
    numbers = np.flatnonzero(allowed)
    say(f"Building an index over {len(numbers):,} items …")
    index.add_with_ids(np.ascontiguousarray(items[numbers]), numbers)
    search = ApproximateSearch(index)
    share = recall(search, items, allowed)
    say(f"Approximate search finds {share:.1%} of the exact first 200.")
    return search


def recall(
    search: ApproximateSearch, items: Float32, allowed: NDArray[np.bool_], k: int = 200
) -> float:
    """Share of the exact first `k` that is found, by sampled items as queries."""
    sampled = np.random.default_rng(0).integers(len(items), size=QUERIES_SAMPLED)
    queries = np.ascontiguousarray(items[sampled])[:, None]
    nothing = csr_array((len(queries), len(items)), dtype=np.bool_)
    found, _ = search.top_k(queries, k, nothing)
    right, _ = exact_top_k(queries, items, k, allowed=allowed)
    shares = [np.isin(r[r >= 0], f).mean() for r, f in zip(right, found, strict=True)]
    return float(np.mean(shares))


def _best_once(item: Int32, score: Float32, k: int) -> tuple[Int32, Float32]:
    """The `k` best of each row, each item once; ties by item number."""
    order = np.lexsort((item, -score), axis=1)
    item, score = np.take_along_axis(item, order, 1), np.take_along_axis(score, order, 1)
    by_item = np.argsort(item, axis=1, kind="stable")
    sorted_items = np.take_along_axis(item, by_item, 1)
    again = np.zeros(item.shape, np.bool_)
    np.put_along_axis(again, by_item[:, 1:], sorted_items[:, 1:] == sorted_items[:, :-1], 1)
    gone = again | (item < 0)
    first = np.argsort(gone, axis=1, kind="stable")[:, :k]
    missing = np.take_along_axis(gone, first, 1)
    return (
        np.where(missing, np.int32(-1), np.take_along_axis(item, first, 1)),
        np.where(missing, np.float32(-np.inf), np.take_along_axis(score, first, 1)),
    )
