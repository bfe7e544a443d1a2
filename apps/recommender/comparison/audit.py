"""Proof that nothing is learned from the future: shuffle it, and see that nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, sorted_events

ROUNDS = 3
KEPT = 0.8

Computed = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class LeakAudit:
    """What was compared.

    Attributes:
        cutoff: seconds since 1970.
        shuffled: events at the cutoff or later, which were shuffled.
        compared: how many values were compared, by name.
        changed: how many of them changed with the future, by name; only names that did.
    """

    cutoff: int
    shuffled: int
    compared: dict[str, int]
    changed: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing changed, and there was a future that could have changed it."""
        return not self.changed and self.shuffled > 0


def leak_audit(
    compute: Callable[[Events], Computed],
    events: Events,
    cutoff: int,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> LeakAudit:
    """Compute everything with the true future and with shuffled ones, and compare bit by bit.

    Args:
        compute: events → arrays by name, as of the cutoff: features, candidates, scores. What it
            learns or counts must come from these events.
        events: before and after the cutoff.
        rounds: shuffled futures; the first of them is no future at all.
    """
    expected = compute(events)
    random = np.random.default_rng(seed)
    changed: dict[str, int] = {}
    for turn in range(rounds):
        other = events.before(cutoff) if turn == 0 else shuffled_future(events, cutoff, random)
        for name, values in compute(other).items():
            count = _differences(expected[name], values)
            if count:
                changed[name] = max(count, changed.get(name, 0))
    return LeakAudit(
        cutoff=cutoff,
        shuffled=int((events.time >= cutoff).sum()),
        compared={name: values.size for name, values in expected.items()},
        changed=changed,
    )


def by_feature(features: NDArray[Any], names: list[str]) -> dict[str, NDArray[Any]]:
    """[…, features] → one array a name, so that a leak is traced to the feature it comes in by."""
    return {name: features[..., n] for n, name in enumerate(names)}


def shuffled_future(events: Events, cutoff: int, random: np.random.Generator) -> Events:
    """Users, items, behaviours, times and weights of the later events shuffled, some left out."""
    later = np.flatnonzero(events.time >= cutoff)
    earlier = np.flatnonzero(events.time < cutoff)
    kept = max(1, round(len(later) * KEPT)) if len(later) else 0

    def column(values: NDArray[Any]) -> NDArray[Any]:
        shuffled = random.permutation(values[later])[:kept]
        return np.concatenate([values[earlier], shuffled])

    return sorted_events(
        column(events.user),
        column(events.item),
        column(events.behavior),
        column(events.time),
        column(events.weight),
        worth=column(events.worth),
        users=events.users,
    )


def _differences(one: NDArray[Any], other: NDArray[Any]) -> int:
    """Values that differ; all of them where the shapes do. NaN equals NaN."""
    if one.shape != other.shape:
        return max(one.size, other.size)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return int((~same).sum())
