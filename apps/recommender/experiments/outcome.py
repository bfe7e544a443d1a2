"""What came of an experiment: of what was shown, how much was taken, with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from common.errors import RefusedError

Z95 = 1.959964
# Below either, in either arm, a few users decide.
FEWEST_USERS, FEWEST_TAKERS = 100, 10


@dataclass(frozen=True)
class OfUser:
    """What one release showed to one user, and how much of it was taken.

    Attributes:
        taken: by behaviour, as the shop names it, how many of the shown items; `TAKEN` for any.
    """

    user_id: str
    shown: int
    taken: Mapping[str, int] = field(default_factory=dict)


TAKEN = "taken"


@dataclass(frozen=True)
class Arm:
    """One release: `rate` is what was taken of what was shown."""

    release_id: str
    users: int
    takers: int
    shown: int
    taken: int
    rate: float


@dataclass(frozen=True)
class Outcome:
    """One behaviour under both releases.

    Attributes:
        difference: of the rates, the other release minus the serving one; None: too few.
        low, high: its 95 % interval.
    """

    behavior: str
    serving: Arm
    other: Arm
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def outcomes(
    serving_id: str, serving: Sequence[OfUser], other_id: str, other: Sequence[OfUser]
) -> list[Outcome]:
    """What was taken, any behaviour first and then each by itself."""
    names = {name for one in (*serving, *other) for name in one.taken} - {TAKEN}
    found = [TAKEN, *sorted(names)] if len(names) > 1 else [TAKEN]
    return [_outcome(name, serving_id, serving, other_id, other) for name in found]


def refuse_too_few(found: Sequence[Outcome]) -> None:
    """Say nothing of what a few users decide.

    Raises:
        RefusedError: not even any behaviour can be compared.
    """
    first = found[0]
    if first.difference is None:
        counts = "; ".join(
            f"{arm.release_id}: {arm.users:,} users, {arm.takers:,} of whom took something"
            for arm in (first.serving, first.other)
        )
        raise RefusedError(
            f"too few were shown lists of which one knows what was taken ({counts})",
            hint=f"{FEWEST_USERS} users and {FEWEST_TAKERS} who took something are needed of each;"
            " report to /v1/events what is shown, and what is done with its impression_id.",
        )


def _outcome(
    name: str, serving_id: str, serving: Sequence[OfUser], other_id: str, other: Sequence[OfUser]
) -> Outcome:
    first, second = _arm(name, serving_id, serving), _arm(name, other_id, other)
    if any(arm.users < FEWEST_USERS or arm.takers < FEWEST_TAKERS for arm in (first, second)):
        return Outcome(name, first, second)
    difference = second.rate - first.rate
    variance = _variance(name, first, serving) + _variance(name, second, other)
    half = Z95 * math.sqrt(variance)
    return Outcome(name, first, second, difference, difference - half, difference + half)


def _arm(name: str, release_id: str, rows: Collection[OfUser]) -> Arm:
    shown = sum(one.shown for one in rows)
    taken = sum(one.taken.get(name, 0) for one in rows)
    takers = sum(one.taken.get(name, 0) > 0 for one in rows)
    return Arm(release_id, len(rows), takers, shown, taken, taken / shown if shown else 0.0)


def _variance(name: str, arm: Arm, rows: Collection[OfUser]) -> float:
    """Of a ratio of sums over users, by the delta method (Deng et al. 2018, arXiv 1803.06336).

    Users are drawn, not places: what one user is shown is not independent.
    """
    squares = sum((one.taken.get(name, 0) - arm.rate * one.shown) ** 2 for one in rows)
    return squares * arm.users / (arm.users - 1) / arm.shown**2
