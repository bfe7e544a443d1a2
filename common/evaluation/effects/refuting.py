"""What would make an estimate look wrong, and how strong a hidden cause would have to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from common.console import progress
from common.evaluation.effects.decisions import Decisions
from common.evaluation.effects.estimating import Estimate, estimate

PLACEBOS = 4
# Of four placebo intervals at 95 % one leaves out zero by chance in 17 of 100 runs, two in 1.
MOST_PLACEBOS_WITH_EFFECT = 1
# A cause that is pure noise may move the effect by so many standard errors.
MOST_MOVED = 1.0
# An effect in standard deviations as a risk ratio (VanderWeele & Ding 2017).
RATIO_OF_DEVIATION = 0.91


@dataclass(frozen=True)
class Refutation:
    """One attempt, in words and numbers; `held`: it did not refute the estimate."""

    name: str
    found: str
    held: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def refute(
    decisions: Decisions, found: Estimate, *, learners: Sequence[str], seed: int = 0
) -> list[Refutation]:
    """Actions dealt out by lot must cause nothing; a cause that is noise must change nothing."""
    random = np.random.default_rng(seed)
    effects = []
    with progress("Trying to refute it", PLACEBOS + 1) as advance:
        for number in range(PLACEBOS):
            lot = replace(decisions, treated=random.permutation(decisions.treated))
            effects.append(estimate(lot, learners=learners, seed=seed + number).effect)
            advance(note="actions by lot")
        noise = random.normal(size=(len(decisions), 1))
        noisy = replace(
            decisions,
            causes=np.concatenate([decisions.causes, noise], axis=1),
            names=(*decisions.names, "noise"),
            is_number=(*decisions.is_number, True),
        )
        moved = estimate(noisy, learners=learners, seed=seed).effect.value - found.effect.value
        advance(note="a cause that is noise")
    with_effect = sum(one.low > 0 or one.high < 0 for one in effects)
    values = ", ".join(f"{one.value:+.3g}" for one in effects)
    return [
        Refutation(
            "actions dealt out by lot",
            f"effects of {values}; {with_effect} of {PLACEBOS} intervals leave out zero",
            with_effect <= MOST_PLACEBOS_WITH_EFFECT,
        ),
        Refutation(
            "one more cause, which is noise",
            f"the effect moves by {moved:+.3g}",
            abs(moved) <= MOST_MOVED * found.effect.error,
        ),
    ]


@dataclass(frozen=True)
class HiddenCause:
    """How strong a hidden cause would have to be (E-value; VanderWeele & Ding 2017).

    A risk ratio: by so much it would have to go with the action and act on the outcome, both,
    beyond what is adjusted for. `value` is for it to explain the effect away, `of_interval` for it
    to take the interval to zero; 1 where the interval holds zero already. `is_approximate`: the
    outcome is a number, and its effect in standard deviations stands for a ratio.
    """

    value: float
    of_interval: float
    is_approximate: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def hidden_cause(decisions: Decisions, found: Estimate) -> HiddenCause:
    """The E-value of an effect."""
    if found.log_ratio is not None:
        log_ratio, is_approximate = found.log_ratio, False
    else:
        scale = RATIO_OF_DEVIATION / float(decisions.outcome.std())
        log_ratio = replace(
            found.effect, value=found.effect.value * scale, error=found.effect.error * scale
        )
        is_approximate = True
    towards = log_ratio.low if log_ratio.value > 0 else -log_ratio.high
    return HiddenCause(
        value=e_value(math.exp(abs(log_ratio.value))),
        of_interval=e_value(math.exp(max(towards, 0.0))),
        is_approximate=is_approximate,
    )


def e_value(ratio: float) -> float:
    """RR + √(RR (RR − 1)), of a risk ratio of at least 1."""
    return ratio + math.sqrt(ratio * (ratio - 1))
