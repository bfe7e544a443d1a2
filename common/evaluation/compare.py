"""Before beside after, on the same records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# Records, in a few hundred kilobytes.
DRAWN_TOGETHER = 50_000


@dataclass(frozen=True)
class Difference:
    """Mean gain of `after` over `before` with its 95 % interval."""

    before: float
    after: float
    low: float
    high: float
    records: int

    @property
    def gain(self) -> float:
        """`after` minus `before`."""
        return self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    before: ArrayLike, after: ArrayLike, *, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Compare two figures per record by resampling records (Efron & Tibshirani 1993).

    Args:
        before: [records], the figure of each record before; e.g. 1 for right, 0 for wrong.
        after: [records], of the same records after.
    """
    old, new = np.asarray(before, float), np.asarray(after, float)
    if old.shape != new.shape or not len(old):
        raise ValueError("compare the same records, at least one")
    gain = new - old
    random = np.random.default_rng(seed)
    # Some resamples at a time: all at once would take resamples × records of memory.
    together = max(1, DRAWN_TOGETHER // len(gain))
    sizes = (min(together, resamples - start) for start in range(0, resamples, together))
    drawn = (random.integers(len(gain), size=(size, len(gain))) for size in sizes)
    means = np.concatenate([gain[rows].mean(1) for rows in drawn])
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(old.mean()), float(new.mean()), float(low), float(high), len(old))


def worse_groups(
    lost_and_won: Mapping[str, tuple[int, int]], level: float = 0.05
) -> dict[str, float]:
    """Groups that lost more records than chance explains, however many groups are looked at.

    An exact one-sided McNemar test a group, on the records whose verdict changed, adjusted by Holm
    (1979): the probability of calling any group worse that is not stays below `level`.

    Args:
        lost_and_won: by group, how many records turned wrong, and how many right.

    Returns:
        The adjusted probability of each group that is worse, the surest first.
    """
    from scipy.stats import binomtest

    found = {
        name: binomtest(lost, lost + won, alternative="greater").pvalue if lost + won else 1.0
        for name, (lost, won) in lost_and_won.items()
    }
    return {name: p for name, p in holm(found).items() if p < level}


def holm(found: Mapping[str, float]) -> dict[str, float]:
    """Probabilities adjusted for how many there are (Holm 1979), the smallest first.

    The probability that any of those below a level is there by chance stays below that level.
    """
    adjusted, highest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(found.items(), key=lambda pair: pair[1])):
        highest = max(highest, min(1.0, (len(found) - rank) * float(p)))
        adjusted[name] = highest
    return adjusted
