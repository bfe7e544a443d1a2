"""The gate before promotion: a candidate that is worse, or may well be, does not serve."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from common.errors import RefusedError
from common.evaluation.compare import Difference, worse_groups
from common.tuning.continual.forgetting import MAX_FORGETTING, Forgetting

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
            "all the same: releases promote ID.",
        )
    return f"Passes {'as you asked' if insisted else 'on its figure'}: {metrics}, {not_shown}."


def check_groups(
    before: Sequence[float],
    after: Sequence[float],
    groups: Sequence[Collection[str]],
    max_loss: float = MARGIN,
    allow: str | None = None,
) -> None:
    """Hold the candidate to no group being worse, however good it is on the whole.

    Args:
        before, after: [records], how good both releases are on each, from 0 to 1.
        groups: [records], the groups of each record.
        max_loss: share of its figure that a group may lose.
        allow: the option by which a person allows more, if there is one.

    Raises:
        RefusedError: a group lost more than that, and more records than chance explains, see
            `worse_groups`.
    """
    members: dict[str, list[int]] = {}
    for row, names in enumerate(groups):
        for name in names:
            members.setdefault(name, []).append(row)
    lost_and_won = {
        name: (
            sum(after[row] < before[row] for row in rows),
            sum(after[row] > before[row] for row in rows),
        )
        for name, rows in members.items()
    }
    worse = []
    for name in worse_groups(lost_and_won):
        rows = members[name]
        old, new = (sum(side[row] for row in rows) / len(rows) for side in (before, after))
        if old - new > max_loss * old:
            worse.append(f"{name} ({old:.1%} → {new:.1%} of {len(rows)})")
    if worse:
        more = f"Allow more ({allow}), or promote" if allow else "To promote"
        raise RefusedError(
            f"the candidate is worse for {', '.join(worse)}: a group may lose {max_loss:.1%} of "
            "its figure",
            hint=f"It is kept, but not promoted. {more} it all the same: releases promote ID.",
        )


def check_forgetting(found: Sequence[Forgetting], most: float | None = None) -> None:
    """Hold a release that was trained further to what the one before it knew.

    Args:
        found: of all that it tells; none may be forgotten for the sake of another.
        most: largest loss of the share of old records that is right; None: `MAX_FORGETTING`.

    Raises:
        RefusedError: it lost more.
    """
    most = MAX_FORGETTING if most is None else most
    worst = max(found, key=lambda one: one.lost, default=None)
    if worst is not None and worst.lost > most:
        raise RefusedError(
            f"the candidate forgets. {worst.text} It may lose {most:.1%} of the old ones.",
            hint="It is kept, but not promoted. Replay more texts (--set exemplars=50), allow it "
            "(--max-forgetting), or promote it all the same: releases promote ID.",
        )


def check_expectations(found: Mapping[str, Difference], most: float) -> None:
    """Hold the candidate to what is expected of it; no kind may pay for another.

    Args:
        found: kind → the share of its cases that is met.
        most: largest share of the cases of a kind that it may fail beyond the serving release.

    Raises:
        RefusedError: it fails more.
    """
    if worse := missed_expectations(found, most):
        raise RefusedError(
            worse,
            hint="It is kept, but not promoted. Look at them: stress --expectations FILE --release "
            "ID; allow more (max_more_failures in the file), or releases promote ID.",
        )


def missed_expectations(found: Mapping[str, Difference], most: float) -> str | None:
    """Which kinds of expectations the candidate fails more often than it may; None: none."""
    # A share of cases that is just the margin must not fail by rounding.
    worse = [
        f"{kind} ({_failed(one.before, one)} → {_failed(one.after, one)} of {one.records} fail)"
        for kind, one in found.items()
        if one.before - one.after > most + 1e-9
    ]
    if not worse:
        return None
    return (
        f"the candidate fails more expectations: {', '.join(worse)}, and it may fail {most:.1%} "
        "more of a kind"
    )


def _failed(met: float, difference: Difference) -> int:
    return round((1 - met) * difference.records)


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
