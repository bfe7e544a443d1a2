"""A candidate with new knowledge and the same weights: seconds, not minutes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import FullPrecision
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.data import Example
from apps.customer_service.schema import Faq
from apps.customer_service.task import AnswerModel
from common.learning.prototypes import refit
from common.models.heads import CosineClassifier
from common.records.personal import prepare

# What a correction counts beside a text that was there before.
CORRECTION_WEIGHT = 3.0
LONGEST_NAME = 80


def with_knowledge(
    answerer: Answerer, faqs: Mapping[str, Faq], examples: Sequence[Example]
) -> Answerer:
    """The answerer with further FAQs and examples: in its search, and in its prototypes.

    Args:
        faqs: by id, those that are new.
        examples: each of an FAQ that is known, or new.
    """
    if not examples:
        return answerer
    index = answerer.index
    assert index is not None and answerer.module.faqs is not None
    every = {**answerer.faqs, **faqs}
    taught = {str(example.faq_id) for example in examples}
    said = {faq_id: {*map(prepare, every[faq_id].answer_sentences)} for faq_id in taught}
    added = [
        Variant(text, faq_id, _language(every[faq_id]), is_answer=text in said[faq_id])
        for text, faq_id in ((example.text, str(example.faq_id)) for example in examples)
    ]
    vectors = np.stack([one.vector for one in answerer.understand([v.text for v in added])])
    variants = [*index.variants, *added]
    everything = np.concatenate([index.vectors, vectors])
    weight = np.ones(len(variants), dtype=np.float32)
    weight[len(index.variants) :] = CORRECTION_WEIGHT
    prototype_ids = [*dict.fromkeys([*answerer.prototype_ids, *faqs])]
    directions = _refit(answerer, prototype_ids, variants, everything, weight, taught)
    module = _with_directions(answerer.module, directions)
    return replace(
        answerer,
        network=FullPrecision(module, answerer.backbone),
        faqs=every,
        prototype_ids=prototype_ids,
        index=VariantIndex.build(variants, everything, module.prototypes(prototype_ids)),
    )


def without_texts(answerer: Answerer, texts: Collection[str]) -> Answerer:
    """The answerer that holds none of `texts`; prototypes stay, they hold no text.

    An FAQ that is named by one of them is named by another of its wordings, or by its answer.
    """
    index = answerer.index
    if not texts or index is None:
        return answerer
    kept = [row for row, variant in enumerate(index.variants) if variant.text not in texts]
    variants = [index.variants[row] for row in kept]
    prototypes = answerer.network.prototypes(answerer.prototype_ids)
    named = {
        faq.id: faq.model_copy(update={"question": _other_name(faq, variants)})
        for faq in answerer.faqs.values()
        if prepare(faq.question) in texts
    }
    return replace(
        answerer,
        faqs={**answerer.faqs, **named},
        index=VariantIndex.build(variants, index.vectors[kept], prototypes),
    )


def _other_name(faq: Faq, variants: Sequence[Variant]) -> str:
    sentences = {prepare(sentence) for sentence in faq.answer_sentences}
    own = [variant.text for variant in variants if variant.faq_id == faq.id]
    return next((text for text in own if text not in sentences), faq.answer[:LONGEST_NAME])


def _refit(
    answerer: Answerer,
    prototype_ids: Sequence[str],
    variants: Sequence[Variant],
    vectors: NDArray[np.float32],
    weight: NDArray[np.float32],
    taught: Collection[str],
) -> NDArray[np.float32]:
    number = {faq_id: n for n, faq_id in enumerate(prototype_ids)}
    numbers = np.array([number[variant.faq_id] for variant in variants], dtype=np.int64)
    known = answerer.network.prototypes(answerer.prototype_ids)
    start = [
        known[faq_id] if faq_id in known else _mean(vectors[numbers == number[faq_id]])
        for faq_id in prototype_ids
    ]
    scale = answerer.network.faq_scale
    moving = np.array([faq_id in taught for faq_id in prototype_ids])
    return refit(vectors, numbers, np.stack(start), scale=scale, weight=weight, moving=moving)


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = vectors.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)


def _with_directions(module: AnswerModel, directions: NDArray[np.float32]) -> AnswerModel:
    """The same model with other prototypes; the one that serves keeps its own."""
    assert module.faqs is not None
    other = AnswerModel(
        module.pooled, directions.shape[1], prototypes=torch.from_numpy(directions), directions=None
    )
    other.projection, other.intents = module.projection, module.intents
    assert isinstance(other.faqs, CosineClassifier)
    other.faqs.log_scale = module.faqs.log_scale
    return other.to(module.projection.weight.device).eval()


def _language(faq: Faq) -> str:
    return faq.language or "other"
