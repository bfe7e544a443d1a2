"""The passages of a release, beside its FAQs: written after training, read to serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.documents.confidence import FEATURES, PassageConfidence, calibrate
from apps.customer_service.documents.index import (
    Floats,
    PassageIndex,
    PassageWords,
    Read,
    unprojection_of,
    write_words,
)
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.promise.out_of_scope import foreign_texts
from common.console import say
from common.files import read_json, write_json
from common.records.reader import read_records, write_jsonl
from common.releases.release import of_another_version

PASSAGES = "passages.jsonl"
VECTORS = "passages.npy"
UNPROJECTION = "passages_unprojection.npy"
WORDS = "passage_words"
CONFIDENCE = "passages.json"
# Of the quotes, at the most, if nothing else is said.
BUDGET = 0.05


def budget_of(answerer: Answerer) -> float:
    """The largest share of wrong quotes that is tolerated: as of wrong answers."""
    if answerer.confidence is not None:
        return answerer.confidence.budget
    known = answerer.documents
    return known.confidence.budget if isinstance(known, Documents) else BUDGET


def with_documents(
    answerer: Answerer,
    passages: Sequence[Passage],
    budget: float | None = None,
    reader: Reader | None = None,
) -> Answerer:
    """The answerer with passages to quote from, in place of its own, unless there are none.

    Args:
        budget: largest tolerated share of wrong quotes; None: the answerer's own.
        reader: for this answerer; it remembers what it has read.
    """
    if not passages:
        return answerer
    documents = build_documents(
        passages,
        (reader or Reader(answerer)).vectors,
        budget_of(answerer) if budget is None else budget,
        unprojection_of(answerer.network.projection),
    )
    say(documents.confidence.text)
    return replace(answerer, documents=documents)


def build_documents(
    passages: Sequence[Passage],
    read: Read,
    budget: float = BUDGET,
    unprojection: Floats | None = None,
) -> Documents:
    """Passages indexed and calibrated; `read`: prepared texts → their embeddings."""
    say("Reading the passages …")
    index = PassageIndex.build(passages, read, unprojection)
    far = foreign_texts({passage.language for passage in passages})
    return Documents(index, calibrate(passages, read, far, budget, unprojection))


def save_documents(documents: Documents, directory: Path) -> None:
    """Write them into a release's directory."""
    index = documents.index
    write_jsonl(directory / PASSAGES, index.passages)
    np.save(directory / VECTORS, index.sentences)
    if index.unprojection is not None:
        np.save(directory / UNPROJECTION, index.unprojection)
    write_words(index.passages, directory / WORDS)
    write_json(directory / CONFIDENCE, documents.confidence.to_json())


def load_documents(directory: Path) -> Documents | None:
    """Read what `save_documents` wrote; None where a release has none.

    Raises:
        UserError: they are quoted by signals that this version does not compute.
    """
    path = directory / PASSAGES
    if not path.exists():
        return None
    passages = list(read_records(path, Passage))
    kept, vectors = read_json(directory / CONFIDENCE), np.load(directory / VECTORS)
    sentences = sum(len(passage.sentences) for passage in passages)
    if kept["features"] != list(FEATURES) or len(vectors) != sentences:
        raise of_another_version(directory)
    words = PassageWords.load(directory / WORDS, passages)
    # Releases of earlier versions compare embeddings as they are.
    unprojection = np.load(found) if (found := directory / UNPROJECTION).exists() else None
    index = PassageIndex(passages, vectors, words, unprojection)
    return Documents(index, PassageConfidence.from_json(kept))
