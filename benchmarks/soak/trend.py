"""Whether a series of samples grows, and by how much an hour at the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Caches fill and libraries load at first.
WARMING = 0.2
# So much more after an hour would still be called flat.
ALLOWED = 0.05
FEWEST = 6


@dataclass(frozen=True)
class Trend:
    """Of one series.

    Attributes:
        level: its median once warm.
        slope: change an hour, by Theil and Sen, with the ends of its 95 % interval.
        verdict: flat; grows; or "cannot be told": too few samples, or too wide an interval.
    """

    level: float
    slope: float
    low: float
    high: float
    verdict: str


def trend(hours: Sequence[float], values: Sequence[float]) -> Trend:
    """The median of all slopes between two samples, of those after warming.

    Flat: even the upper end of the interval is at most 5 % of the level an hour. Grows: the
    lower end is more. Samples that follow each other are alike, so the interval is one of means of
    at least two minutes, or of a twentieth of the time where that is more.

    Source: Sen 1968, Estimates of the regression coefficient based on Kendall's tau.

    Args:
        hours: since the beginning, ascending.
        values: as many; NaN where nothing could be measured.
    """
    import numpy as np
    from scipy.stats import theilslopes

    at, seen = np.asarray(hours, dtype=float), np.asarray(values, dtype=float)
    is_kept = np.isfinite(seen) & (at >= WARMING * (at[-1] if len(at) else 0))
    at, seen = at[is_kept], seen[is_kept]
    if len(at) < FEWEST:
        level = float(np.median(seen)) if len(seen) else float("nan")
        return Trend(level, float("nan"), float("nan"), float("nan"), "cannot be told")
    level = float(np.median(seen))
    at, seen = _means(at, seen)
    found = theilslopes(seen, at, alpha=0.95)
    slope, low, high = float(found.slope), float(found.low_slope), float(found.high_slope)
    allowed = ALLOWED * abs(level)
    verdict = "flat" if high <= allowed else "grows" if low > allowed else "cannot be told"
    return Trend(level, slope, low, high, verdict)


def _means(
    at: NDArray[np.float64], seen: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    width = max((at[-1] - at[0]) / 20, 1e-9)
    place = np.minimum(((at - at[0]) / width).astype(int), 19)
    names = np.unique(place)
    if len(names) < FEWEST:
        return at, seen
    of = [place == name for name in names]
    return np.array([at[one].mean() for one in of]), np.array([seen[one].mean() for one in of])
