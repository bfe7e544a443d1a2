"""The first hours of a release that learned: does it do worse than the one that it came from?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import log

from scipy.special import betaincc, betaln
from scipy.stats import beta

from common.releases.registry import Registry

HOURS = 24.0
# How probable it may be that a release that does no worse is withdrawn, over all its figures.
LEVEL = 0.01
# The earlier release's share is known to within its 95 % interval; from fewer it says nothing.
FEWEST_BEFORE = 50
FEWEST_AFTER = 10


@dataclass(frozen=True)
class Count:
    """How many of all went badly."""

    bad: int
    all: int


# Of releases, by their ids: of each what is counted, by name.
Outcomes = Callable[[Collection[str]], Mapping[str, Mapping[str, Count]]]


def log_evidence(usual: float, found: Count) -> float:
    """The logarithm of the evidence that the share of bad ones lies above `usual`.

    The likelihood of the counts, averaged over all shares above `usual`, beside that of `usual`
    itself: a test martingale for every share up to `usual`, so that looking after each prediction
    keeps the level (Ville's inequality; Ramdas et al. 2023, arXiv 2210.01948).
    """
    if not 0 < usual < 1:
        return 0.0
    bad, good = found.bad, found.all - found.bad
    above = betaincc(bad + 1, good + 1, usual)
    if above <= 0:
        return float("-inf")
    averaged = betaln(bad + 1, good + 1) + log(above) - log(1 - usual)
    return float(averaged - bad * log(usual) - good * log(1 - usual))


def does_worse(before: Mapping[str, Count], after: Mapping[str, Count]) -> str | None:
    """Which figure rose beyond its interval, in words; None: none did."""
    for name, found in after.items():
        known = before.get(name, Count(0, 0))
        if known.all < FEWEST_BEFORE or found.all < FEWEST_AFTER:
            continue
        usual = float(beta.ppf(0.975, known.bad + 1, max(known.all - known.bad, 1)))
        if log_evidence(usual, found) >= log(len(after) / LEVEL):
            return (
                f"{name}: {known.bad / known.all:.1%} of {known.all:,} → "
                f"{found.bad / found.all:.1%} of {found.all:,}"
            )
    return None


class Probation:
    """Withdraws a release that learned if, in its first hours, people fare worse with it.

    Args:
        outcomes: what is counted of the release that serves and of its parent.
        hours: how long a release is watched.
    """

    def __init__(self, registry: Registry, outcomes: Outcomes, *, hours: float = HOURS) -> None:
        self._registry = registry
        self._outcomes = outcomes
        self._hours = hours

    def check(self, now: float) -> str | None:
        """Withdraw the release that serves, if it has to be; why, or None.

        Args:
            now: seconds since 1970.

        Raises:
            UserError: the release that served before cannot serve again.
        """
        current, since = self._registry.current_id(), self._registry.promoted_at()
        if current is None or since is None or now - since > 3600 * self._hours:
            return None
        parent = self._parent(current)
        if parent is None:
            return None
        found = self._outcomes((parent, current))
        why = does_worse(found[parent], found[current])
        if why is not None:
            self._registry.withdraw(current, why)
        return why

    def _parent(self, release_id: str) -> str | None:
        """The release that a release learned from, if it did."""
        for release in self._registry.all():
            if release.release_id == release_id and "learned" in release.manifest:
                parent: str | None = release.manifest.get("parent")
                return parent
        return None
