"""Places in a list that go to items which nobody has met."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError

Float32 = NDArray[np.float32]

# How far down a list they have places.
FURTHEST = 50
# How many of the first ten → every so many-th place; 0: only where the ranking itself puts them.
STEPS = {0: 0, 1: 10, 2: 5, 3: 3, 5: 2}


def check_cold_places(count: int | None) -> None:
    """Refuse a number of places that no step gives.

    Raises:
        UserError: it is none of `STEPS`.
    """
    if count is not None and count not in STEPS:
        named = ", ".join(map(str, STEPS))
        raise UserError(f"--cold-places {count}: no such number", hint=f"Give one of {named}.")


def with_places(scores: Float32, cold: Float32, step: int) -> Float32:
    """Scores in another order: every `step`-th place goes to the best cold item that is left.

    The scores of a list stay the same numbers, given to other places of it. Nothing that is cold
    moves down.

    Args:
        scores: [users, places]; -inf where there is no candidate.
        cold: [users, places], what orders the cold candidates; -inf where one is not cold.
        step: 2 or more; 0: nothing changes.
    """
    if not step or not np.isfinite(cold).any():
        return scores
    own = ranks(scores)
    given = ranks(cold)
    lifted = np.isfinite(cold) & np.isfinite(scores) & (given < FURTHEST // step)
    # The others follow in their order, and leave every step-th place free.
    among = ranks(np.where(lifted, -np.inf, scores))
    place = np.where(lifted, np.inf, among + among // (step - 1)).astype(np.float64)
    wanted = np.minimum((given + 1) * step - 1, own) - 0.5
    place = np.where(lifted, wanted, place)
    place = np.where(np.isneginf(scores), np.inf, place)
    return falling_by(scores, place)


def falling_by(scores: Float32, place: NDArray[np.floating[Any]]) -> Float32:
    """The numbers of each list, the highest at the least `place` [users, places]."""
    order = np.argsort(place, axis=1, kind="stable")
    found = np.empty_like(scores)
    np.put_along_axis(found, order, -np.sort(-scores, axis=1), 1)
    return found


def ranks(scores: Float32) -> NDArray[np.int64]:
    """[users, places], from 0, the best first, equals in their order."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(order.shape, np.int64)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None], 1)
    return ranks
