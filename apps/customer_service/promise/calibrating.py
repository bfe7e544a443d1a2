"""After fine-tuning: how sure an answer must be, and on which questions that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import fit_confidence
from apps.customer_service.data import Dataset
from apps.customer_service.promise.out_of_scope import read_foreign
from apps.customer_service.promise.promise import Promise
from common.console import say
from common.tuning.processes import is_main_process


def calibrate(
    answerer: Answerer, dataset: Dataset, far: Sequence[str], budget: float
) -> tuple[Answerer, Promise]:
    """The answerer with its confidence, and for which questions that was shown to hold."""
    examples = dataset.splits.validation
    outcomes = evaluate.run(answerer, examples)
    foreign = read_foreign(answerer, examples, dataset.in_scope, far)
    confidence = fit_confidence(
        np.stack([outcome.signals for outcome in outcomes]),
        np.array([outcome.is_right for outcome in outcomes]),
        np.array([outcome.is_among_first for outcome in outcomes]),
        budget,
        foreign,
    )
    outside = sum(not outcome.in_scope for outcome in outcomes)
    surest = confidence.first.probability(foreign.far) if len(far) else np.empty(0)
    promise = Promise(confidence, len(outcomes), outside, dict(zip(far, surest, strict=True)))
    if is_main_process():
        say(promise.text)
    return replace(answerer, confidence=confidence), promise
