"""How sure a release is of questions about FAQs that it never learned, by what it is calibrated on.

`python -m benchmarks.asked_otherwise --left-out` asks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import Confidence, Foreign, fit_confidence
from apps.customer_service.data import Example, in_scope
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.out_of_scope import read_foreign
from common.evaluation.metrics import auroc
from common.releases.release import Release

# Of the validation questions; to compare confidences that answer different shares.
SAME_SHARE = 0.6


def figures(
    answerer: Answerer, release: Release, asked: Mapping[str, Sequence[Example]]
) -> dict[str, float]:
    """With the release's confidence, and with one that is calibrated on half of these FAQs.

    That one has the questions about every second FAQ in place of the near misses that are made by
    hiding an FAQ, and is asked the others: what no release can know, the most that leaving FAQs out
    of training to calibrate on them could gain. Both halves have their turn; means.

    Args:
        asked: FAQ that was never learned → all its questions, labelled with the FAQ that stands in
            for it.
    """
    lessons, _ = load_lessons(release)
    validation = Evidence.of(evaluate.run(answerer, lessons.validation))
    records = validation + Evidence.load(release.directory)
    foreign = read_foreign(answerer, lessons.validation, in_scope(lessons.train), lessons.far)
    unknown = [Evidence.of(evaluate.run(answerer, examples)) for examples in asked.values()]
    confidence = answerer.confidence
    assert confidence is not None
    sure = confidence.first.probability(foreign.near)
    found = {
        "near misses: AUROC": _auroc(confidence, validation, foreign.near),
        "near misses: answered": float((sure >= confidence.threshold).mean()),
        **_told("", confidence, validation, _all(unknown)),
    }
    halves = []
    for learned, left in ((unknown[::2], unknown[1::2]), (unknown[1::2], unknown[::2])):
        near = [one.signals[~one.first_right] for one in learned]
        # A group for each FAQ, beside those of the records and of the far questions.
        first = len(records) + len(foreign.far)
        group = np.repeat(first + np.arange(len(near)), [len(one) for one in near])
        honest = fit_confidence(
            records.signals,
            records.first_right,
            records.among_first,
            records.in_scope,
            confidence.budget,
            Foreign(np.concatenate(near), group, foreign.far),
            records.languages,
        )
        halves.append(_told("calibrated on half of them: ", honest, validation, _all(left)))
    return found | {name: (halves[0][name] + halves[1][name]) / 2 for name in halves[0]}


def _told(
    prefix: str, confidence: Confidence, validation: Evidence, unknown: Evidence
) -> dict[str, float]:
    sure = confidence.first.probability(validation.signals)
    unsure = confidence.first.probability(unknown.signals)
    is_wrong = ~unknown.first_right
    is_given = sure >= confidence.threshold
    wrong = is_given & ~validation.first_right
    as_many = unsure >= np.quantile(sure, 1 - SAME_SHARE)
    of_both = {
        "threshold": confidence.threshold,
        "never learned: AUROC": _auroc(confidence, validation, unknown.signals[is_wrong]),
        "never learned: answered wrongly": ((unsure >= confidence.threshold) & is_wrong).mean(),
        "validation: answered": is_given.mean(),
        "validation: wrong among answered": wrong.sum() / max(is_given.sum(), 1),
        f"never learned: answered wrongly, where {SAME_SHARE:.0%} of validation is answered": (
            as_many & is_wrong
        ).mean(),
    }
    return {f"{prefix}{name}": float(value) for name, value in of_both.items()}


def _auroc(confidence: Confidence, validation: Evidence, misses: np.ndarray) -> float:
    """Of telling right answers to validation questions from near misses."""
    right = confidence.first.probability(validation.signals[validation.first_right])
    missed = confidence.first.probability(misses)
    is_right = np.arange(len(right) + len(missed)) < len(right)
    return auroc(np.concatenate([right, missed]), is_right.tolist())


def _all(parts: Sequence[Evidence]) -> Evidence:
    return sum(parts, Evidence.none())
