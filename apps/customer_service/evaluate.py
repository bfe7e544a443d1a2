"""How good the whole path is, question by question: right first, answered, wrong among answered."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.confidence import CLARIFY_CANDIDATES
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.data import Dataset, Example
from apps.customer_service.schema import OUT_OF_SCOPE, Decision
from common.evaluation.calibration import upper_bound
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.fairness import (
    FEW_RESAMPLES,
    ByGroup,
    by_group,
    mean_of,
    summarised,
)
from common.evaluation.linear import LinearPeer, compare_with
from common.evaluation.metrics import auroc, expected_calibration_error
from common.records.text import language_of


@dataclass(frozen=True)
class Outcome:
    """What became of one held-out question."""

    example: Example
    candidates: list[Candidate]
    intents: dict[str, float]
    signals: NDArray[np.float64]
    probability: float
    decision: Decision

    @property
    def in_scope(self) -> bool:
        """Whether it should be answered at all."""
        return self.example.intent != OUT_OF_SCOPE

    @property
    def intent(self) -> str | None:
        """The most probable intent."""
        return max(self.intents, key=lambda name: self.intents[name]) if self.intents else None

    @property
    def rank(self) -> int | None:
        """Rank of the right FAQ, from 1; None where it was not found or there is none."""
        ids = [candidate.faq_id for candidate in self.candidates]
        return ids.index(self.example.faq_id) + 1 if self.example.faq_id in ids else None

    @property
    def is_right(self) -> bool:
        """Whether answering is right: the right FAQ stands first, or the intent is right."""
        if not self.in_scope:
            return False
        if self.example.faq_id is not None:
            return self.rank == 1
        return self.intent is not None and self.intent == self.example.intent

    @property
    def is_among_first(self) -> bool:
        """Whether the right FAQ is among those that `clarify` shows."""
        return self.in_scope and self.rank is not None and self.rank <= CLARIFY_CANDIDATES


def run(answerer: Answerer, examples: Sequence[Example]) -> list[Outcome]:
    """Put every example through the path that `ask` and the server take."""
    understood = answerer.understand([example.text for example in examples])
    return [_outcome(answerer, e, u) for e, u in zip(examples, understood, strict=True)]


def _outcome(answerer: Answerer, example: Example, understood: Understood) -> Outcome:
    candidates = answerer.rank(example.text, understood)
    signals = answerer.signals(candidates, understood)
    probability, decision = answerer.decide(example.text, candidates, signals)
    return Outcome(example, candidates, understood.intents, signals, probability, decision)


def summarise(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The metrics of a table row; shares from 0 to 1.

    Keys: `questions`; over in-scope questions `right_first`, `right_in_three`,
    `reciprocal_rank` and `intent_accuracy` where they apply; over all of them `answered`,
    `wrong_among_answered` and its upper 95 % bound; `out_of_scope_held_back`, `auroc` of telling
    in scope from out of scope, `calibration_error`.
    """
    asked = [o for o in outcomes if o.in_scope]
    outside = [o for o in outcomes if not o.in_scope]
    answered = [o for o in outcomes if o.decision == "answer"]
    wrong = sum(not o.is_right for o in answered)
    metrics = {"questions": float(len(outcomes))}
    if with_faq := [o for o in asked if o.example.faq_id is not None]:
        metrics["right_first"] = _share(o.rank == 1 for o in with_faq)
        metrics["right_in_three"] = _share(o.is_among_first for o in with_faq)
        metrics["reciprocal_rank"] = float(np.mean([1 / o.rank if o.rank else 0 for o in with_faq]))
    if labelled := [o for o in asked if o.intents and o.example.intent]:
        metrics["intent_accuracy"] = _share(o.intent == o.example.intent for o in labelled)
    metrics["answered"] = len(answered) / len(outcomes)
    metrics["wrong_among_answered"] = wrong / len(answered) if answered else 0.0
    metrics["wrong_bound"] = upper_bound(wrong, len(answered))
    probability = np.array([o.probability for o in outcomes])
    right = np.array([o.is_right for o in outcomes])
    metrics["calibration_error"] = expected_calibration_error(probability, right)
    if outside and asked:
        metrics["out_of_scope_held_back"] = _share(o.decision != "answer" for o in outside)
        metrics["auroc"] = auroc(probability, [o.in_scope for o in outcomes])
    return metrics


def difference(before: Sequence[Outcome], after: Sequence[Outcome]) -> Difference:
    """Right answers to the same questions, those in scope, by two releases."""
    pairs = [(b.is_right, a.is_right) for b, a in zip(before, after, strict=True) if a.in_scope]
    old, new = zip(*pairs, strict=True)
    return paired_bootstrap(old, new)


def compare_groups(
    outcomes: Sequence[Outcome], members: Sequence[Collection[str]], figure: str | None = None
) -> ByGroup:
    """A figure of `summarise`, or the share of questions in scope that is right, by group.

    Args:
        members: the groups of each outcome.
    """
    if figure is None:
        right = [float(o.is_right) if o.in_scope else math.nan for o in outcomes]
        return by_group("right", mean_of(right), members)
    found = summarised(summarise, outcomes, figure)
    return by_group(figure, found, members, resamples=FEW_RESAMPLES)


def by_language(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes of each language, where there is more than one."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(language_of(outcome.example.text), []).append(outcome)
    return groups if len(groups) > 1 else {}


def mistakes(outcomes: Sequence[Outcome], limit: int = 20) -> list[Outcome]:
    """Questions answered or ranked wrongly, the surest first."""
    wrong = [o for o in outcomes if (o.in_scope and not o.is_right) or _answered_outside(o)]
    return sorted(wrong, key=lambda o: -o.probability)[:limit]


def linear_peer(dataset: Dataset, after: Sequence[Outcome]) -> LinearPeer | None:
    """The same questions put to a linear model: the FAQ where one answers, else the intent."""
    asked = [o for o in after if o.in_scope and _label(o.example)]
    labelled = [(e.text, _label(e)) for e in dataset.knowledge if e.intent != OUT_OF_SCOPE]
    return compare_with(
        [(text, label) for text, label in labelled if label],
        [(o.example.text, str(_label(o.example))) for o in asked],
        [o.is_right for o in asked],
        "right_first" if dataset.faqs else "intent_accuracy",
    )


def _label(example: Example) -> str | None:
    return example.faq_id or example.intent


def _answered_outside(outcome: Outcome) -> bool:
    return not outcome.in_scope and outcome.decision == "answer"


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values)
