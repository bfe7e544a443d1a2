"""After fine-tuning: how sure an answer must be, and on which questions that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import fit_confidence
from apps.customer_service.data import Example
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.out_of_scope import read_foreign
from apps.customer_service.promise.promise import Promise
from common.console import say
from common.tuning.processes import is_main_process


def calibrate(
    answerer: Answerer,
    examples: Sequence[Example],
    known: Sequence[Example],
    far: Sequence[str],
    budget: float,
    earlier: Evidence | None = None,
) -> tuple[Answerer, Promise]:
    """The answerer with its confidence, and for which questions that was shown to hold.

    Args:
        examples: questions that it has not learned.
        known: what its intents were learned from, in the order of `answerer.texts`.
        far: bundled questions from anywhere but this business.
        earlier: what was found of further questions when it had not learned them either.
    """
    evidence = Evidence.of(evaluate.run(answerer, examples)) + (earlier or Evidence.none())
    foreign = read_foreign(answerer, examples, known, far)
    confidence = fit_confidence(
        evidence.signals,
        evidence.first_right,
        evidence.among_first,
        evidence.in_scope,
        budget,
        foreign,
        evidence.languages,
    )
    outside = int((~evidence.in_scope).sum())
    surest = confidence.first.probability(foreign.far) if len(far) else np.empty(0)
    promise = Promise(confidence, len(evidence), outside, dict(zip(far, surest, strict=True)))
    if is_main_process():
        say(promise.text)
    return replace(answerer, confidence=confidence), promise
