"""How sure the first answer is, and what follows from it: answer, clarify or hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.schema import OUT_OF_SCOPE, Decision
from common.evaluation.calibration import (
    LogisticCalibrator,
    choose_threshold,
    fit_calibrator,
    out_of_fold_probability,
    upper_bound,
)

Floats = NDArray[np.float64]

# Asking back is worth it where one of the candidates shown is more likely right than not.
WORTH_CLARIFYING = 0.5
CLARIFY_CANDIDATES = 3
# Without records to prove a budget on, answer only what is nearly certain. On three FAQs of 15 to
# 30 entries alone, 1 to 3 % of the answers to new questions are wrong at 0.8; at 0.9 half as many,
# but eight to ten questions in a hundred fewer are answered.
UNPROVEN_THRESHOLD = 0.8
# Nor may it answer more than a weaker promise that is shown: these are tried, the strictest first.
WEAKER_BUDGETS = tuple(percent / 100 for percent in range(1, 51))
# How many near misses and far questions come in beside each question that was asked, as the
# probabilities assume; and where the user said of so many questions that they are out of scope, for
# then the questions themselves tell what comes in.
FOREIGN_SHARE = 0.125
FOREIGN_SHARE_BESIDE_LABELLED = 0.02
ENOUGH_LABELLED = 20
# What a threshold holds back at the least …
NEAR_HELD_BACK = 0.8
FAR_HELD_BACK = 0.97
# … and it holds back more, as long as this share of the right answers is still given.
STILL_ANSWERED = 0.92
# Nor are candidates shown for more than so many far questions.
FAR_NOT_CLARIFIED = 0.95

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
    # Scores of two languages are not on one scale, and who asks wants one of their own.
    candidates = [one for one in candidates if one.is_foreign == first.is_foreign]
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
class Foreign:
    """Signals of questions that must not be answered, where nobody labelled any.

    Args:
        near: [near, features], validation questions read as if their own FAQ or intent had never
            been learned.
        near_of: [near], the validation question that each is made of.
        far: [far, features], questions from anywhere but a business.
    """

    near: Floats
    near_of: NDArray[np.int64]
    far: Floats


@dataclass(frozen=True)
class HeldBack:
    """What the threshold does, on probabilities of left-out folds; shares from 0 to 1.

    `right` is the share of right answers that are held back: the price. A share of none is None.
    """

    near: float | None
    far: float | None
    right: float | None


@dataclass(frozen=True)
class Shown:
    """What the threshold does on questions of one language, on probabilities of left-out folds."""

    questions: int
    answered: int
    wrong: int

    @property
    def bound(self) -> float:
        """The upper 95 % bound of the share of wrong answers."""
        return upper_bound(self.wrong, self.answered)


@dataclass(frozen=True)
class Confidence:
    """Calibrated probabilities and the thresholds of the decision.

    `first` speaks of the first answer; `among_first` of the first three candidates, which are shown
    from the probability `worth_clarifying`. `proven` says whether the budget was shown to be kept
    on questions that were not learned; `shown` tells by language what that rests on. Where it was
    not, `least_shown` is the smallest larger one of `WEAKER_BUDGETS` that was, if any. Found on the
    same questions, after the one that was asked for failed, it is told and not promised.
    """

    first: LogisticCalibrator
    among_first: LogisticCalibrator
    threshold: float
    budget: float
    proven: bool
    held_back: HeldBack | None = None
    worth_clarifying: float = WORTH_CLARIFYING
    shown: Mapping[str, Shown] = field(default_factory=dict)
    least_shown: float | None = None

    def decide(self, signals: Floats) -> tuple[float, Decision]:
        """Probability that the first answer is right, and what to do."""
        probability = float(self.first.probability(signals[None, :])[0])
        if probability >= self.threshold:
            return probability, "answer"
        if float(self.among_first.probability(signals[None, :])[0]) >= self.worth_clarifying:
            return probability, "clarify"
        return probability, "handoff"

    def to_json(self) -> dict[str, Any]:
        """Plain values for `from_json`."""
        return {"features": list(FEATURES), **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Confidence:
        """Restore what `to_json` gave."""
        held_back = values.get("held_back")
        return cls(
            first=LogisticCalibrator(**values["first"]),
            among_first=LogisticCalibrator(**values["among_first"]),
            threshold=values["threshold"],
            budget=values["budget"],
            proven=values["proven"],
            held_back=HeldBack(**held_back) if held_back else None,
            worth_clarifying=values.get("worth_clarifying", WORTH_CLARIFYING),
            shown={name: Shown(**one) for name, one in values.get("shown", {}).items()},
            least_shown=values.get("least_shown"),
        )


def fit_confidence(
    signals: Floats,
    first_right: NDArray[np.bool_],
    among_first: NDArray[np.bool_],
    in_scope: NDArray[np.bool_],
    budget: float,
    foreign: Foreign,
    language: Sequence[str] = (),
) -> Confidence:
    """Fit on questions that were not learned and foreign ones.

    Thresholds go by the probabilities of left-out folds. Where the budget cannot be shown, the
    threshold is at least that of the smallest larger one that can be: to ask for less than can
    be shown answers no more than to ask for what can.

    Args:
        signals: [records, features].
        first_right: [records]; False for every out-of-scope question.
        among_first: [records], whether the right FAQ is among the first three.
        in_scope: [records].
        budget: largest tolerated share of wrong answers among those given.
        language: [records], for what is told by language; the threshold is that of all.
    """
    records, near, far = len(signals), len(foreign.near), len(foreign.far)
    everything = np.concatenate([signals, foreign.near, foreign.far])
    wrong = np.zeros(near + far, dtype=bool)
    right = np.concatenate([first_right, wrong])
    shown = np.concatenate([among_first, wrong])
    is_labelled = int((~in_scope).sum()) >= ENOUGH_LABELLED
    share = (FOREIGN_SHARE_BESIDE_LABELLED if is_labelled else FOREIGN_SHARE) * records
    weight = np.repeat([1.0, share / max(near, 1), share / max(far, 1)], [records, near, far])
    # A near miss is made of a question: one of them must not give the other's answer away.
    group = np.concatenate([np.arange(records), foreign.near_of, records + np.arange(far)])
    ends = [records, records + near]
    left_out = out_of_fold_probability(everything, right, weight, group=group)
    of_records, of_near, of_far = np.split(left_out, ends)
    far_shown = np.split(out_of_fold_probability(everything, shown, weight, group=group), ends)[2]
    needed = _least_threshold(of_records[first_right], of_near, of_far)
    tried = [budget, *(weaker for weaker in WEAKER_BUDGETS if weaker > budget)]
    choices = (choose_threshold(of_records, first_right, one, needed) for one in tried)
    shown_budget, threshold = next(
        ((one.budget, one.threshold) for one in choices if one.threshold is not None),
        (None, needed),
    )
    proven = shown_budget == budget
    if not proven:
        threshold = max(UNPROVEN_THRESHOLD, threshold)
    return Confidence(
        first=fit_calibrator(everything, right, weight),
        among_first=fit_calibrator(everything, shown, weight),
        threshold=threshold,
        budget=budget,
        proven=proven,
        held_back=HeldBack(
            near=_share_below(of_near, threshold),
            far=_share_below(of_far, threshold),
            right=_share_below(of_records[first_right], threshold),
        ),
        worth_clarifying=max(WORTH_CLARIFYING, _above(far_shown, FAR_NOT_CLARIFIED)),
        shown=_shown(of_records >= threshold, first_right, np.array(language)),
        least_shown=None if proven else shown_budget,
    )


def _shown(
    answered: NDArray[np.bool_], right: NDArray[np.bool_], language: NDArray[np.str_]
) -> dict[str, Shown]:
    found = {}
    for one in sorted(set(language.tolist())):
        own = language == one
        wrong = own & answered & ~right
        found[one] = Shown(int(own.sum()), int((own & answered).sum()), int(wrong.sum()))
    return found


def _least_threshold(right: Floats, near: Floats, far: Floats) -> float:
    """The threshold that foreign questions need, by the probabilities of each kind."""
    needed = [_above(near, NEAR_HELD_BACK), _above(far, FAR_HELD_BACK)]
    affordable = float(np.quantile(right, 1 - STILL_ANSWERED)) if len(right) else 0.0
    return max(*needed, affordable)


def _above(probability: Floats, share: float) -> float:
    """The least number that is above a share of the probabilities."""
    if not len(probability):
        return 0.0
    return float(np.nextafter(np.quantile(probability, share, method="higher"), 1.0))


def _share_below(probability: Floats, threshold: float) -> float | None:
    return float((probability < threshold).mean()) if len(probability) else None
