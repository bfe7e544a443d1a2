"""What became of candidates: whether a user turned to them after the moment of a query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.events import Events, Int32, Int64
from apps.recommender.schema import BEHAVIORS

# What it is worth to have ranked an item high, by the most that was done with it.
GAINS = {"browse": 1, "click": 2, "comment": 3, "share": 3, "purchase": 4}


@dataclass(frozen=True)
class Outcomes:
    """[rows, places] each, of some candidates; nothing happened in empty places."""

    gain: NDArray[np.int32]
    clicked: NDArray[np.bool_]
    purchased: NDArray[np.bool_]


def outcomes(events: Events, users: Int64, as_of: Int64, item: Int32) -> Outcomes:
    """Look up candidates in what came at or after each row's moment.

    Args:
        events: to the end of the stretch of time that is asked about.
        users, as_of: [rows], each user once.
        item: [rows, places] item numbers, -1 where there is none.
    """
    gains = np.array([GAINS[name] for name in BEHAVIORS], np.int32)
    moment = np.full(events.users, np.iinfo(np.int64).max)
    moment[users] = as_of
    later = events.since(moment)
    span = int(max(item.max(initial=0), later.item.max(initial=0))) + 1
    keys, which = np.unique(later.user * np.int64(span) + later.item, return_inverse=True)
    most = np.zeros(len(keys) + 1, np.int32)
    np.maximum.at(most, which, gains[later.behavior])
    bought = np.zeros(len(keys) + 1, np.bool_)
    bought[which[later.behavior == BEHAVIORS.index("purchase")]] = True

    wanted = users[:, None] * np.int64(span) + item
    place = np.searchsorted(keys, wanted)
    found = np.append(keys, -1)[place] == wanted
    place = np.where(found & (item >= 0), place, len(keys))
    return Outcomes(most[place], most[place] >= GAINS["click"], bought[place])
