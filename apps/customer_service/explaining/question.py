"""Why a question finds its FAQ, or has its intent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer, Understood, prepare
from apps.customer_service.schema import LONGEST_QUESTION
from common.evaluation.explanation.attribution import (
    Attribution,
    Method,
    integrated_gradients,
    occlusion,
)
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Examples, Neighbour
from common.records.spoken.language import likely_language
from common.records.text import words

if TYPE_CHECKING:
    from torch import Tensor

# An FAQ that a text without one of its words finds only further down has no score there.
DEPTH = 50
# Of a probability that is none: its logarithm would be no number.
LEAST_SHARE = 1e-15


def explain_question(
    answerer: Answerer, question: str, method: Method, faq_id: str | None = None
) -> Explanation:
    """The words by which a question finds an FAQ; in a release of intents alone, its intent.

    By gradients: towards the cosine of the question and the FAQ (its prototype and its nearest
    wording); by occlusion: towards the whole score, words included.

    Args:
        question: as a user writes it.
        faq_id: None, or one that there is no more: what is found first.
    """
    question = question[:LONGEST_QUESTION]
    read = prepare(question)
    understood = answerer.understand([read])[0]
    if answerer.index is None:
        found = [_intent_words(answerer, question, read, understood, method)]
        return Explanation(answerer.release_id, question, found, [])
    wanted = faq_id if faq_id in answerer.faqs else None
    if wanted is None:
        candidates = answerer.rank(read, understood)
        wanted = candidates[0].faq_id if candidates else None
    neighbours = _nearest(answerer, understood)
    if wanted is None:
        return Explanation(answerer.release_id, question, [], neighbours)
    found = [_faq_words(answerer, question, read, understood, wanted, method)]
    shared = _shared(answerer, read, wanted)
    return Explanation(answerer.release_id, question, found, neighbours, shared)


def _faq_words(
    answerer: Answerer,
    question: str,
    read: str,
    understood: Understood,
    faq_id: str,
    method: Method,
) -> Attribution:
    index = answerer.index
    assert index is not None
    towards = answerer.faqs[faq_id].question

    def scores(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array(
            scores_of(answerer, faq_id, [prepare(text) for text in texts], likely_language(read))
        )

    if method == "occlusion":
        words_found = occlusion(question, scores)
        return Attribution(towards, float(scores([question])[0]), "score", method, words_found)
    import torch
    from torch.nn import functional

    module = answerer.module
    direction = torch.from_numpy(index.direction(faq_id, understood.vector))

    def cosine(pooled: Tensor) -> Tensor:
        embedding = functional.normalize(module.projection(pooled).float(), dim=-1)
        cosines: Tensor = embedding @ direction.to(embedding)
        return cosines

    words_found = integrated_gradients(answerer.backbone, module.pooled, question, read, cosine)
    score = float(understood.vector @ direction.numpy())
    return Attribution(towards, score, "cosine", method, words_found)


def scores_of(
    answerer: Answerer, faq_id: str, read: Sequence[str], language: str | None = None
) -> list[float]:
    """The score of an FAQ for each prepared question; 0 where it is not found.

    Args:
        language: of the question that they are parts of.
    """
    assert answerer.index is not None
    found = []
    for question, understood in zip(read, answerer.understand(read), strict=True):
        ranking = answerer.index.search(question, understood.vector, language=language, top_k=DEPTH)
        found.append(next((one.score for one in ranking if one.faq_id == faq_id), 0.0))
    return found


def _intent_words(
    answerer: Answerer, question: str, read: str, understood: Understood, method: Method
) -> Attribution:
    intent = max(understood.intents, key=lambda name: understood.intents[name])
    number = answerer.intents.index(intent)
    others = [other for other in range(len(answerer.intents)) if other != number]

    def log_odds(texts: Sequence[str]) -> NDArray[np.float64]:
        read_again = answerer.understand([prepare(text) for text in texts])
        shares = np.array([list(one.intents.values()) for one in read_again], dtype=np.float64)
        shares = np.maximum(shares, LEAST_SHARE)
        return np.asarray(np.log(shares[:, number]) - np.log(shares[:, others].sum(1)))

    def gradient(pooled: Tensor) -> Tensor:
        import torch

        assert answerer.module.intents is not None
        logits = answerer.module.intents(pooled).float()
        odds: Tensor = logits[:, number] - torch.logsumexp(logits[:, others], dim=1)
        return odds

    if method == "gradients":
        pooled = answerer.module.pooled
        found = integrated_gradients(answerer.backbone, pooled, question, read, gradient)
    else:
        found = occlusion(question, log_odds)
    return Attribution(intent, float(log_odds([question])[0]), "log odds", method, found)


def _nearest(answerer: Answerer, understood: Understood) -> list[Neighbour]:
    index = answerer.index
    assert index is not None
    texts = [variant.text for variant in index.variants]
    labels = [variant.faq_id for variant in index.variants]
    return Examples(texts, labels, index.vectors).nearest(understood.vector)


def _shared(answerer: Answerer, read: str, faq_id: str) -> list[str]:
    """Words of the question that some wording of the FAQ has as well, in their order."""
    assert answerer.index is not None
    own = {
        word
        for variant in answerer.index.variants
        if variant.faq_id == faq_id
        for word in words(variant.text)
    }
    return [word for word in dict.fromkeys(words(read)) if word in own]
