"""Which unlabelled texts to label next: uncertain ones that are not all alike.

Among the texts whose two likeliest labels are nearest to each other (the margin: Scheffer et al.
2001), k-means finds as many groups as are wanted, weighted by how uncertain each text is, and the
text nearest to each group's centre is taken (Zhdanov 2019, arXiv 1901.05954).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.finite import require_finite

Floats = NDArray[np.float64]

# The least certain texts, so many for each that is wanted, are grouped. On hwu64, 600 labels chosen
# so reached what 1,050 random ones did; the least certain alone, what 800 did.
POOL = 10
# Beyond this many texts grouping takes minutes, and the least certain are many enough.
LARGEST_POOL = 20_000
ITERATIONS = 20


def margins(probabilities: Floats, *, several: bool = False) -> Floats:
    """[texts], how far the likeliest label is ahead of the next, from 0 (in two minds) to 1.

    Args:
        probabilities: [texts, labels].
        several: each label is a yes or no, and the nearest to even counts.
    """
    require_finite("suggestions", probabilities=probabilities)
    if several or probabilities.shape[1] < 2:
        nearest: Floats = np.abs(2 * probabilities - 1).min(1)
        return nearest
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    ahead: Floats = two[:, 1] - two[:, 0]
    return ahead


def suggest(
    margin: Floats, vectors: NDArray[np.float32], count: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """[at most `count`], the texts to label next, the least certain first.

    Args:
        margin: [texts], as `margins` gives it.
        vectors: [texts, width].
    """
    from sklearn.cluster import KMeans

    require_finite("suggestions", margin=margin, vectors=vectors)
    order = np.argsort(margin, kind="stable")
    if len(order) <= count:
        return order
    pool = order[: max(count, min(POOL * count, LARGEST_POOL))]
    unit = vectors[pool] / np.maximum(np.linalg.norm(vectors[pool], axis=1, keepdims=True), 1e-9)
    distinct = len(np.unique(unit, axis=0))
    grouped = KMeans(min(count, distinct), n_init=1, max_iter=ITERATIONS, random_state=seed).fit(
        unit, sample_weight=1.0 - margin[pool] + 1e-6
    )
    distance = np.linalg.norm(unit - grouped.cluster_centers_[grouped.labels_], axis=1)
    taken: dict[int, int] = {}
    for place in np.argsort(distance, kind="stable"):
        taken.setdefault(int(grouped.labels_[place]), int(place))
    # Equal texts may leave a group empty: the least certain that are left fill its place.
    left = [place for place in range(len(pool)) if place not in set(taken.values())]
    chosen = sorted([*taken.values(), *left[: count - len(taken)]])
    return pool[chosen]
