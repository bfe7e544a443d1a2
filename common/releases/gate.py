"""The gate before promotion: a candidate that is worse, or may well be, does not serve."""

from __future__ import annotations

import math

from common.errors import RefusedError
from common.evaluation.compare import Difference

# A candidate may lose this share of the serving release's figure.
MARGIN = 0.02


def check(name: str, difference: Difference, *, insisted: bool = False) -> str:
    """Compare candidate (`after`) and serving release (`before`) on the same held-out records.

    The candidate passes if it is shown not to be worse by more than `MARGIN` of the serving
    release's figure: the whole 95 % interval of the change lies above (non-inferiority). Where the
    records are too few to show it, the better figure wins, the candidate's where they are equal.

    Args:
        insisted: the user wants the candidate where nothing is shown.

    Returns:
        What was shown, a line to say.

    Raises:
        RefusedError: the candidate is worse, and the interval of the difference excludes zero; or
            its figure is lower, and it is not shown to be no worse than the margin allows.
    """
    margin = MARGIN * abs(difference.before)
    metrics = (
        f"{name} {difference.before:.1%} → {difference.after:.1%} "
        f"on {difference.records} held-out records "
        f"(95 % interval of the change {difference.low:+.1%} to {difference.high:+.1%})"
    )
    if difference.high < 0:
        raise RefusedError(
            f"the candidate is worse: {metrics}",
            hint="It is kept, but not promoted. To promote it all the same: releases promote ID.",
        )
    if difference.low >= -margin:
        return f"No worse than the serving release: {metrics}."
    not_shown = (
        f"not shown to lose less than {MARGIN:.0%} of it; some "
        f"{records_to_show(difference, margin):,} records would show it"
    )
    if difference.gain < 0 and not insisted:
        raise RefusedError(
            f"the candidate may be worse: {metrics}, {not_shown}",
            hint="It is kept, but not promoted. Measure on more records (--test), or promote it "
            "all the same: train with --promote, or releases promote ID.",
        )
    return f"Passes {'as you asked' if insisted else 'on its figure'}: {metrics}, {not_shown}."


def records_to_show(difference: Difference, margin: float) -> int:
    """Records on which a candidate that is as good would be shown to be within the margin.

    Args:
        margin: largest loss, in the figure's own unit.
    """
    if margin <= 0:
        return difference.records
    half_interval = (difference.high - difference.low) / 2
    needed = difference.records * (half_interval / margin) ** 2
    return max(difference.records + 1, math.ceil(needed))
