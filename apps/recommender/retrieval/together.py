"""A projection of texts under which those are near whose items are taken one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# How far apart two events of a user may be.
REACH = 3
# More events teach the same.
MOST_EVENTS = 500_000
FEWEST_PAIRS = 1_000
# Of texts of length 1, less variance is rounding.
SMALLEST = 1e-9


def pairs(events: Events) -> NDArray[np.int32]:
    """[pairs, 2], different items that one user took within `REACH` events, in either order.

    What was not liked is passed over. Of very many events, those of some users are taken.
    """
    liked = events.where(events.weight > 0)
    if len(liked) > MOST_EVENTS:
        chosen = np.random.default_rng(0).random(liked.users) < MOST_EVENTS / len(liked)
        liked = liked.where(chosen[liked.user])
    found = []
    for apart in range(1, REACH + 1):
        one, other = liked.item[:-apart], liked.item[apart:]
        kept = (liked.user[:-apart] == liked.user[apart:]) & (one != other)
        found.append(np.stack([one[kept], other[kept]], 1))
    every = np.concatenate(found)
    return np.concatenate([every, every[:, ::-1]])


def projection(
    texts: Float32, taken: NDArray[np.int32], shrinkage: float, floor: float
) -> Float32 | None:
    """[width, width], for `texts @ projection.T`.

    Canonical correlation (Hotelling 1936) between the texts of both items of a pair: in closed
    form what a linear map learns by contrasting pairs with chance (HaoChen et al. 2021, arXiv
    2106.04156). Directions count by the fourth root of their correlation, which did best on
    games_6k.

    Args:
        texts: [items, width], vectors of length 1.
        taken: as `pairs` gives them.
        shrinkage: how much of the mean variance is added to that of each direction.
        floor: share of the largest correlation that a direction counts as at least. Above 0, a text
            can be read back from its projection.

    Returns:
        None of too few pairs, and where all texts are the same.
    """
    from scipy import sparse

    if len(taken) < FEWEST_PAIRS:
        return None
    met, number = np.unique(taken, return_inverse=True)
    number = number.reshape(taken.shape)
    shape = (len(met), len(met))
    counts = sparse.csr_matrix((np.ones(len(taken)), (number[:, 0], number[:, 1])), shape)
    read = texts[met].astype(np.float64)
    often = np.asarray(counts.sum(1)).ravel() / len(taken)
    read -= often @ read
    variance = read.T @ (read * often[:, None])
    together = read.T @ (counts @ read) / len(taken)
    size, direction = np.linalg.eigh(variance)
    if size[-1] < SMALLEST:
        return None
    size = np.maximum(size, 0)
    white = (direction / np.sqrt(size + shrinkage * size.mean())) @ direction.T
    correlation, axes = np.linalg.eigh(white @ together @ white)
    if correlation[-1] <= 0:
        return None
    weight = np.maximum(correlation, floor * correlation[-1]) ** 0.25
    found: Float64 = (white @ (axes * weight)).T
    # As large as the identity that it takes the place of.
    found *= np.sqrt(len(found) / (found**2).sum())
    return found.astype(np.float32)
