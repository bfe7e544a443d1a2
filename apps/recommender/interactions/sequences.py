"""Training records: stretches of what a user did, and impressions after what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, Impressions, histories

# What it is worth to foresee each behaviour, in the order of BEHAVIORS.
TARGET_WEIGHTS = np.array([0.5, 1.0, 2.0, 2.0, 3.0], np.float32)
FEWEST_EVENTS = 2


@dataclass(frozen=True)
class Sequence:
    """Consecutive events of one user; the last is only a target.

    `item`, `behavior`, `time` and `weight` are [events]; `weight` is what it counts for to foresee
    one, beside its behaviour.
    """

    item: NDArray[np.int32]
    behavior: NDArray[np.int8]
    time: NDArray[np.int64]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """What was shown together after a history, and what of it was taken: [items] 1 or 0."""

    history: Sequence
    item: NDArray[np.int32]
    taken: NDArray[np.int8]


TrainingRecord = Sequence | Shown


def sequences(events: Events, length: int) -> list[Sequence]:
    """All events, each user's in stretches of up to `length` + 1 that overlap in one event."""
    found = []
    for user in np.flatnonzero(events.counts() >= FEWEST_EVENTS):
        whole = events.of(int(user))
        for start in range(whole.start, whole.stop - 1, length):
            found.append(_sequence(events, slice(start, min(start + length + 1, whole.stop))))
    return found


def shown_after(events: Events, impressions: Impressions, length: int) -> list[Shown]:
    """Impressions of which some was taken and some was not, each after its user's history."""
    starts = np.flatnonzero(np.diff(impressions.impression, prepend=-1))
    groups = np.split(np.arange(len(impressions)), starts[1:])
    found = []
    for rows in groups:
        taken = impressions.label[rows]
        if taken.all() or not taken.any():
            continue
        user = impressions.user[rows[:1]].astype(np.int64)
        past = histories(events, user, impressions.time[rows].min(keepdims=True), length)
        kept = past.item[0] >= 0
        if kept.any():
            history = Sequence(
                past.item[0][kept],
                past.behavior[0][kept],
                past.time[0][kept],
                past.weight[0][kept],
            )
            found.append(Shown(history, impressions.item[rows], taken))
    return found


def _sequence(events: Events, part: slice) -> Sequence:
    worth = events.weight[part] * events.worth[part]
    return Sequence(events.item[part], events.behavior[part], events.time[part], worth)
