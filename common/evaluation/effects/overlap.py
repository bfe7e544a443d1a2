"""Whether decisions with an action have counterparts without it, and enough of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.errors import RefusedError
from common.evaluation.effects.decisions import Decisions, Floats

# Nobody is so sure of a probability of treatment that a row may count more often than 100 times.
LEAST_PROPENSITY = 0.01
# Beyond it a row has next to no counterpart; of so many such rows nothing can be told.
FAR, MOST_FAR = 0.02, 0.05
LEAST_EFFECTIVE = 50.0
# With fewer, the error between units is itself too uncertain: simulated worlds of 20 units held the
# truth in 89 of 100 intervals, those of 40 and more in 95.
LEAST_UNITS = 30


def check_units(decisions: Decisions) -> None:
    """See that the action, and its absence, happened to enough units.

    Raises:
        RefusedError: one of both happened to few.
    """
    has_units = len(np.unique(decisions.unit)) < len(decisions)
    for value, name in ((1, "with"), (0, "without")):
        units = len(np.unique(decisions.unit[decisions.treated == value]))
        if units >= LEAST_UNITS:
            continue
        if not has_units:
            raise RefusedError(
                f"{units} decisions {name} the action, fewer than {LEAST_UNITS}",
                hint="Log more of them.",
            )
        raise RefusedError(
            f"the decisions {name} the action are those of {units} units, fewer than "
            f"{LEAST_UNITS}: rows of one unit are alike, and tell little more than one",
            hint="Log more of them. Leave `unit` out only if it says nothing of the outcome.",
        )


def check_overlap(decisions: Decisions, propensity: Floats) -> None:
    """See that who was treated could have been left untreated, and the other way round.

    Raises:
        RefusedError: for many rows one of both next to never happened.
    """
    far = (propensity < FAR) | (propensity > 1 - FAR)
    if far.mean() > MOST_FAR:
        raise RefusedError(
            f"of {far.mean():.0%} of the decisions the action was as good as certain, or out of "
            f"the question: there is nothing to compare them with{_whom(decisions, far)}",
            hint="Leave those rows out and ask about the others, or let chance decide for a part "
            "of them.",
        )
    known = np.clip(propensity, LEAST_PROPENSITY, 1 - LEAST_PROPENSITY)
    weights = np.where(decisions.treated == 1, 1 / known, 1 / (1 - known))
    for value, name in ((1, "with"), (0, "without")):
        own = weights[decisions.treated == value]
        effective = float(own.sum() ** 2 / (own**2).sum())
        if effective < LEAST_EFFECTIVE:
            raise RefusedError(
                f"of {len(own):,} decisions {name} the action {effective:.0f} count effectively, "
                f"fewer than {LEAST_EFFECTIVE:.0f}",
                hint="Log for longer, or let chance decide for a part.",
            )


def _whom(decisions: Decisions, far: NDArray[np.bool_]) -> str:
    """What these rows have most in common, as far as one column tells."""
    if not decisions.names or far.all():
        return ""
    apart = decisions.causes[far].mean(0) - decisions.causes[~far].mean(0)
    scaled = np.abs(apart) / (decisions.causes.std(0) + 1e-9)
    most = int(scaled.argmax())
    name, is_number = decisions.names[most], decisions.is_number[most]
    if is_number:
        return f" (they have {'high' if apart[most] > 0 else 'low'} {name})"
    return f" (most{'' if apart[most] > 0 else ' not'} of {name})"
