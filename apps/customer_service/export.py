"""A release as ONNX in 8 bits, if it answers as the release does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service.answers.answering import Answerer
from common.releases.export import LEAST_SAME, Agreement, Outputs, write_export


def export(
    answerer: Answerer, questions: Sequence[str], directory: Path, least_same: float = LEAST_SAME
) -> Agreement:
    """Write it into a new `directory`, as `write_export` does and with what it raises.

    The answers that must be the same are the first FAQs; in a release of intents alone, the
    intents. A reranker is not exported, and takes no part.

    Args:
        questions: normalised, in scope, held out from training.
    """

    answerer = replace(answerer, reranker=None)

    def same(ours: Outputs, theirs: Outputs) -> list[bool]:
        firsts = (_firsts(answerer, questions, outputs) for outputs in (ours, theirs))
        return [a == b for a, b in zip(*firsts, strict=True)]

    about = {
        "release_id": answerer.release_id,
        "intents": answerer.intents,
        "faqs": answerer.prototype_ids,
    }
    return write_export(
        answerer.module,
        answerer.backbone,
        questions,
        directory,
        same=same,
        about=about,
        least_same=least_same,
    )


def _firsts(answerer: Answerer, questions: Sequence[str], outputs: Outputs) -> list[str | None]:
    firsts: list[str | None] = []
    for question, understood in zip(questions, answerer.read(outputs), strict=True):
        ranking = answerer.rank(question, understood)
        likeliest = max(understood.intents, key=lambda name: understood.intents[name], default=None)
        firsts.append(ranking[0].faq_id if ranking else likeliest)
    return firsts
