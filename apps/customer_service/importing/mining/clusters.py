"""Vectors → clusters of what means the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
ROUNDS = 2
# Means are nearer to each other than their members are: they must be nearer by this to be one.
NEARER = 0.1


def cluster(
    vectors: NDArray[np.float32], weights: NDArray[np.float32], threshold: float
) -> NDArray[np.int64]:
    """The cluster of each vector, numbered by their first members.

    Leaders first (Hartigan 1975): each vector, the heaviest first, joins the leader that is
    nearest, or leads where none is near enough. Then, as in k-means, leaders move to the mean of
    their members, those that have come near each other become one, and members choose again.

    Args:
        vectors: [n, width], of length 1.
        weights: [n], how often each was said.
        threshold: the least cosine of a member and its leader.
    """
    order = np.lexsort((np.arange(len(vectors)), -weights))
    leaders = _leaders(vectors[order], threshold)
    labels = _nearest(vectors, leaders, threshold)
    for _ in range(ROUNDS):
        leaders = _means(vectors, weights, labels)
        leaders = _means_of_near(leaders, threshold)
        labels = _nearest(vectors, leaders, threshold)
    _, labels = np.unique(labels, return_inverse=True)
    return _by_first(labels)


def _leaders(vectors: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    leaders = np.empty((0, vectors.shape[1]), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        free = block
        if len(leaders):
            free = block[(block @ leaders.T).max(axis=1) < threshold]
        among = free @ free.T
        chosen: list[int] = []
        for row in range(len(free)):
            if not chosen or among[row, chosen].max() < threshold:
                chosen.append(row)
        leaders = np.concatenate([leaders, free[chosen]])
    return leaders


def _nearest(
    vectors: NDArray[np.float32], leaders: NDArray[np.float32], threshold: float
) -> NDArray[np.int64]:
    """The nearest leader; who has none near enough gets a number of its own."""
    import faiss

    scores, near = faiss.knn(vectors, leaders, 1, metric=faiss.METRIC_INNER_PRODUCT)
    labels = near[:, 0].astype(np.int64)
    alone = np.flatnonzero(scores[:, 0] < threshold)
    labels[alone] = len(leaders) + np.arange(len(alone))
    return labels


def _means(
    vectors: NDArray[np.float32], weights: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    _, labels = np.unique(labels, return_inverse=True)
    sums = np.zeros((labels.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors * np.sqrt(weights)[:, None])
    return _unit(sums)


def _means_of_near(leaders: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    """Leaders that are as near to each other as two of one cluster become one."""
    import faiss
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = min(2, len(leaders))
    scores, near = faiss.knn(leaders, leaders, count, metric=faiss.METRIC_INNER_PRODUCT)
    rows, columns = np.nonzero(scores >= threshold + NEARER)
    ones = np.ones(len(rows), np.int8)
    shape = (len(leaders), len(leaders))
    graph = coo_matrix((ones, (rows, near[rows, columns])), shape=shape)
    _, labels = connected_components(graph, directed=False)
    sums = np.zeros((labels.max() + 1, leaders.shape[1]), np.float32)
    np.add.at(sums, labels, leaders)
    return _unit(sums)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-9)
    return np.asarray(vectors / length, np.float32)


def _by_first(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
