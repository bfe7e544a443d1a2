"""A release as ONNX in 8 bits, if it answers as the release does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.task import AnswerModel
from common.releases.agreement import Agreement
from common.releases.export import LEAST_SAME, Outputs, write_export


def export(
    answerer: Answerer,
    questions: Sequence[str],
    directory: Path,
    least_same: float = LEAST_SAME,
    *,
    to_serve: bool = False,
) -> Agreement:
    """Write it into a new `directory`, as `write_export` does and with what it raises.

    The answers that must be the same are the first FAQs; in a release of intents alone, the
    intents. A reranker is not exported, and takes no part.

    Args:
        questions: normalised, in scope, held out from training.
        to_serve: leave out the FAQs' logits, which change with the knowledge and are not served;
            what must be the same is what a customer gets: the decision, and the first FAQ unless a
            person takes over. `questions` may be out of scope.
    """
    answerer = replace(answerer, reranker=None)

    def same(ours: Outputs, theirs: Outputs) -> list[bool]:
        read = _given if to_serve else _firsts
        firsts = (read(answerer, questions, outputs) for outputs in (ours, theirs))
        return [a == b for a, b in zip(*firsts, strict=True)]

    about = {
        "release_id": answerer.release_id,
        "intents": answerer.intents,
        "faqs": answerer.prototype_ids,
    }
    return write_export(
        _without_faqs(answerer.module) if to_serve else answerer.module,
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


def _given(
    answerer: Answerer, questions: Sequence[str], outputs: Outputs
) -> list[tuple[str, str | None]]:
    """What to do, and the FAQ that is given or asked about first."""
    found: list[tuple[str, str | None]] = []
    for question, understood in zip(questions, answerer.read(outputs), strict=True):
        ranking = answerer.rank(question, understood)
        _, decision = answerer.decide(question, ranking, answerer.signals(ranking, understood))
        first = ranking[0].faq_id if ranking and decision != "handoff" else None
        found.append((decision, first))
    return found


def _without_faqs(module: AnswerModel) -> AnswerModel:
    width = module.projection.out_features
    other = AnswerModel(module.pooled, width, prototypes=None, directions=None)
    other.projection, other.intents = module.projection, module.intents
    return other
