"""The gate before promotion: a candidate that is worse does not serve."""

from __future__ import annotations

from common.errors import RefusedError
from common.evaluation.compare import Difference


def check(name: str, difference: Difference) -> None:
    """Compare candidate (`after`) and serving release (`before`) on the same held-out records.

    Raises:
        RefusedError: the candidate is worse, and the interval of the difference excludes zero.
    """
    if difference.high >= 0:
        return
    raise RefusedError(
        f"the candidate is worse: {name} {difference.before:.1%} → {difference.after:.1%} "
        f"on {difference.records} held-out records "
        f"(95 % interval of the change {difference.low:+.1%} to {difference.high:+.1%})",
        mend="It is kept, but not promoted. To promote it all the same: releases promote ID.",
    )
