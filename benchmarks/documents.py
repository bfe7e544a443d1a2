"""Answers quoted from documents: how often the right passage and sentence, how sure, how fast.

python -m benchmarks.documents [--store DIR] [--split test]   # a store with a release of `train`

The sample documents and the questions about them are in no file that anything learned from. The
development questions chose how passages are searched and calibrated, the test questions did not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.documents.index import PassageIndex, unprojection_of
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.documents.reading import read_documents
from apps.customer_service.documents.release import build_documents
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.release import load_release
from apps.customer_service.schema import Quote
from benchmarks.harness import parser, report, start
from common.records.text import language_of
from common.releases.registry import Registry

MANY_PASSAGES = 5000


def main() -> None:
    """Quote for each question."""
    arguments = parser("documents")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--split", choices=["development", "test"], default="development")
    chosen = arguments.parse_args()
    start(chosen)
    asked = [one for one in _rows("document_questions.jsonl") if one["split"] == chosen.split]
    answerer = load_release(Registry(chosen.store, "customer_service").open())
    passages = read_documents([SAMPLES / "documents"])
    documents = build_documents(
        passages,
        Reader(answerer).vectors,
        unprojection=unprojection_of(answerer.network.projection),
    )
    figures = _figures(answerer, documents, asked)
    foreign = _quotes(answerer, documents, [one["text"] for one in _rows("off_topic.jsonl")])
    figures["off-topic messages quoted"] = sum(quote.is_sure for quote in foreign)
    figures |= _speed(answerer, documents, [one["question"] for one in asked])
    report(f"documents_{chosen.split}", figures)


def _rows(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _quotes(answerer: Answerer, documents: Documents, texts: Sequence[str]) -> list[Quote]:
    prepared = [prepare(text) for text in texts]
    return [
        documents.quote(text, one.vector, language=language_of(text))
        for text, one in zip(prepared, answerer.understand(prepared), strict=True)
    ]


def _figures(
    answerer: Answerer, documents: Documents, asked: Sequence[dict[str, Any]]
) -> dict[str, float]:
    found = list(
        zip(asked, _quotes(answerer, documents, [one["question"] for one in asked]), strict=True)
    )
    document = [quote.source.document == one["document"] for one, quote in found]
    passage = [
        is_it and quote.source.headings[-1:] == [one["heading"]]
        for is_it, (one, quote) in zip(document, found, strict=True)
    ]
    sentence = [
        is_it and one["answer"] in quote.text
        for is_it, (one, quote) in zip(passage, found, strict=True)
    ]
    sure = np.array([quote.is_sure for _, quote in found])
    figures: dict[str, float] = {
        "questions": len(found),
        "right document first": float(np.mean(document)),
        "right passage first": float(np.mean(passage)),
        "right sentence": float(np.mean(sentence)),
        "answered": float(sure.mean()),
    }
    for language in ("en", "zh"):
        own = [is_it for is_it, (one, _) in zip(passage, found, strict=True)
               if one["language"] == language]  # fmt: skip
        figures[f"right passage first, {language}"] = float(np.mean(own))
    if sure.any():
        figures["wrong passage among answered"] = float(1 - np.array(passage)[sure].mean())
        figures["wrong sentence among answered"] = float(1 - np.array(sentence)[sure].mean())
    return figures


def _speed(answerer: Answerer, documents: Documents, texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a question, over as many passages as the samples many times over."""
    index = documents.index
    times = -(-MANY_PASSAGES // len(index.passages))
    many = [
        one.model_copy(update={"document": f"{number}/{one.document}"})
        for number in range(times)
        for one in index.passages
    ]
    sentences = np.tile(index.sentences, (times, 1))
    larger = Documents(
        PassageIndex(many, sentences, unprojection=index.unprojection), documents.confidence
    )
    spent = []
    for text in texts:
        started = perf_counter()
        prepared = prepare(text)
        (one,) = answerer.understand([prepared])
        answerer.answer(prepared, one)
        larger.quote(prepared, one.vector, language=language_of(text))
        spent.append(1000 * (perf_counter() - started))
    return {"passages": len(many), "milliseconds, p95": float(np.quantile(spent, 0.95))}


if __name__ == "__main__":
    main()
