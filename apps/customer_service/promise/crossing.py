"""Questions that calibrate, each in a search that holds the others but was not given it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.read_before import ReadBefore
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from common.records.text import fold, language_of

FOLDS = 5


def run_crossed(answerer: Answerer, examples: Sequence[Example]) -> list[Outcome]:
    """Put examples through the path of `evaluate.run`, in the search that is going to serve.

    That one holds the examples, too. So each is asked in one that holds all but those of its own
    fold: by the search that lacks them all, an answer would be less sure, and more often wrong,
    than it is going to be. Those of equal letters are in one fold. Only the search is crossed; the
    model has learned none of the examples.

    Args:
        answerer: one that has learned none of `examples`, and does not hold them.
    """
    index = answerer.index
    if index is None or not examples:
        return evaluate.run(answerer, examples)
    texts = [example.text for example in examples]
    read = answerer.outputs(texts)
    knowing = replace(answerer, read_before=ReadBefore.of(texts, read))
    prototypes = answerer.network.prototypes(answerer.prototype_ids)
    own = np.array([crc32(fold(text).encode()) % FOLDS for text in texts])
    found: dict[int, Outcome] = {}
    for number in np.unique(own):
        rest = np.flatnonzero(own != number).tolist()
        others = [i for i in rest if examples[i].faq_id is not None]
        variants = [*index.variants, *(_variant(examples[i], answerer) for i in others)]
        vectors = np.concatenate([index.vectors, read["embedding"][others]])
        view = replace(knowing, index=VariantIndex.build(variants, vectors, prototypes))
        asked = np.flatnonzero(own == number).tolist()
        found |= zip(asked, evaluate.run(view, [examples[i] for i in asked]), strict=True)
    return [found[i] for i in range(len(examples))]


def _variant(example: Example, answerer: Answerer) -> Variant:
    faq = answerer.faqs[str(example.faq_id)]
    return Variant(example.text, faq.id, faq.language or language_of(faq.question))
