"""One question of a graph and a table, answered whole or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.console import say
from common.evaluation.effects.decisions import Decisions, read_decisions
from common.evaluation.effects.estimating import LEARNERS, Estimate, estimate
from common.evaluation.effects.graph import CausalGraph
from common.evaluation.effects.identification import adjustment_set
from common.evaluation.effects.overlap import check_units
from common.evaluation.effects.refuting import HiddenCause, Refutation, hidden_cause, refute


@dataclass(frozen=True)
class Effect:
    """What was found, what it rests on, and what speaks against it."""

    question: CausalGraph
    adjusted_for: list[str]
    decisions: Decisions
    estimate: Estimate
    refutations: list[Refutation]
    hidden_cause: HiddenCause

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        effect, asked = self.estimate.effect, self.question
        if not all(one.held for one in self.refutations):
            return "Do not rely on it: an attempt to refute it succeeded."
        if effect.low <= 0 <= effect.high:
            return f"No effect of {asked.treatment} on {asked.outcome} is shown."
        more = "raised" if effect.value > 0 else "lowered"
        return (
            f"If the graph is right, {asked.treatment} {more} {asked.outcome} by "
            f"{abs(effect.value):.3g} on the average."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found, propensity = self.estimate, self.estimate.propensity
        low, middle, high = np.quantile(propensity, [0.01, 0.5, 0.99]).tolist()
        return {
            "treatment": self.question.treatment,
            "outcome": self.question.outcome,
            "adjusted_for": self.adjusted_for,
            "decisions": len(self.decisions),
            "treated": int(self.decisions.treated.sum()),
            "units": len(np.unique(self.decisions.unit)),
            "effect": found.effect.to_json(),
            "with_action": found.with_action.to_json(),
            "without_action": found.without.to_json(),
            "unadjusted": found.naive.to_json(),
            "propensity": {"1%": low, "50%": middle, "99%": high},
            "learners": {"propensity": found.learners[0], "outcome": found.learners[1]},
            "refutations": [one.to_json() for one in self.refutations],
            "hidden_cause": self.hidden_cause.to_json(),
            "verdict": self.verdict,
        }


def ask(path: Path, question: CausalGraph, *, seed: int = 0) -> Effect:
    """Identify, estimate, and try to refute.

    Raises:
        UserError: the table cannot be read as the graph has it.
        RefusedError: nothing can be told: no measured variables suffice, the action or its
            absence happened to few, or overlap fails.
    """
    adjust_for = adjustment_set(question)
    decisions = read_decisions(path, question, adjust_for)
    check_units(decisions)
    say(f"Estimating the effect of {question.treatment} on {question.outcome}")
    found = estimate(decisions, learners=LEARNERS, seed=seed)
    # What told best once tells the placebos too, at half the time.
    best = [name for name in LEARNERS if any(name in told for told in found.learners)]
    refutations = refute(decisions, found, learners=best, seed=seed)
    return Effect(
        question, adjust_for, decisions, found, refutations, hidden_cause(decisions, found)
    )
