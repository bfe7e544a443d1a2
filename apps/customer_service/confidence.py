"""How sure the first answer is, and what follows from it: answer, clarify or hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.retrieval import Candidate
from apps.customer_service.schema import OUT_OF_SCOPE, Decision
from common.evaluation.calibration import (
    LogisticCalibrator,
    choose_threshold,
    fit_calibrator,
    out_of_fold_probability,
)

Floats = NDArray[np.float64]

# Asking back is worth it where one of the candidates shown is more likely right than not.
WORTH_CLARIFYING = 0.5
CLARIFY_CANDIDATES = 3
# Without records to prove a budget on, answer only what is nearly certain.
UNPROVEN_THRESHOLD = 0.9

FEATURES = (
    "score",
    "margin",
    "dense",
    "dense_margin",
    "prototype",
    "lexical",
    "agreement",
    "neighbours",
    "faq_intent",
    "intent",
    "intent_margin",
    "intent_cosine",
    "in_scope",
)


def features(
    candidates: Sequence[Candidate],
    intents: Mapping[str, float],
    intent_cosine: float,
    intent_of: Mapping[str, str | None],
) -> Floats:
    """The signals of one question, in the order of `FEATURES`.

    Args:
        candidates: the ranking, best first; may be empty.
        intents: probability of each intent; may be empty.
        intent_cosine: how near the question is to what the intents were learned from, which tells
            what is out of scope better than the probability does.
        intent_of: FAQ id → its intent.
    """
    in_scope_intents = (p for name, p in intents.items() if name != OUT_OF_SCOPE)
    probabilities = [*sorted(in_scope_intents, reverse=True), 0.0, 0.0]
    in_scope = 1.0 - intents.get(OUT_OF_SCOPE, 0.0)
    of_intent = [probabilities[0], probabilities[0] - probabilities[1], intent_cosine, in_scope]
    if not candidates:
        return np.array([0.0] * 9 + of_intent)
    first = candidates[0]
    others = candidates[1:]
    most_lexical = max(candidates, key=lambda candidate: candidate.lexical)
    densest = max(candidates, key=lambda candidate: candidate.dense)
    agree = first.lexical > 0 and most_lexical.faq_id == densest.faq_id == first.faq_id
    faq_intent = intents.get(intent_of.get(first.faq_id) or "", 0.0)
    return np.array(
        [
            first.score,
            first.score - (others[0].score if others else 0.0),
            first.dense,
            first.dense - max((other.dense for other in others), default=0.0),
            first.prototype,
            first.lexical,
            float(agree),
            first.neighbours,
            faq_intent,
            *of_intent,
        ]
    )


@dataclass(frozen=True)
class Confidence:
    """Calibrated probabilities and the thresholds of the decision.

    `first` speaks of the first answer; `among_first` of the first three candidates.
    """

    first: LogisticCalibrator
    among_first: LogisticCalibrator
    threshold: float
    budget: float
    proven: bool

    def decide(self, signals: Floats) -> tuple[float, Decision]:
        """Probability that the first answer is right, and what to do."""
        probability = float(self.first.probability(signals[None, :])[0])
        if probability >= self.threshold:
            return probability, "answer"
        if float(self.among_first.probability(signals[None, :])[0]) >= WORTH_CLARIFYING:
            return probability, "clarify"
        return probability, "handoff"

    def to_json(self) -> dict[str, Any]:
        """Plain values for `from_json`."""
        return {
            "features": list(FEATURES),
            "first": self.first.to_json(),
            "among_first": self.among_first.to_json(),
            "threshold": self.threshold,
            "budget": self.budget,
            "proven": self.proven,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Confidence:
        """Restore what `to_json` gave."""
        return cls(
            first=LogisticCalibrator(**values["first"]),
            among_first=LogisticCalibrator(**values["among_first"]),
            threshold=values["threshold"],
            budget=values["budget"],
            proven=values["proven"],
        )


def fit_confidence(
    signals: Floats, first_right: NDArray[np.bool_], among_first: NDArray[np.bool_], budget: float
) -> Confidence:
    """Fit on validation records; the threshold comes from probabilities of left-out folds.

    Args:
        signals: [records, features].
        first_right: [records]; False for every out-of-scope question.
        among_first: [records], whether the right FAQ is among the first three.
        budget: largest tolerated share of wrong answers among those given.
    """
    left_out = out_of_fold_probability(signals, first_right)
    choice = choose_threshold(left_out, first_right, budget)
    return Confidence(
        first=fit_calibrator(signals, first_right),
        among_first=fit_calibrator(signals, among_first),
        threshold=UNPROVEN_THRESHOLD if choice.threshold is None else choice.threshold,
        budget=budget,
        proven=choice.threshold is not None,
    )
