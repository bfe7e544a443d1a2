"""One reply of several passages: the fewest of their own sentences that answer what was asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.languages.faqs import other_than_asked
from apps.customer_service.documents.index import keys
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.generation.options import COMPOSING
from apps.customer_service.generation.schema import Sentence, SentenceSource, joined
from apps.customer_service.importing.wording import Mark, mark
from apps.customer_service.schema import SENTENCE_END, SHORTEST_SENTENCE, Answer, Citation, Part
from common.records.personal import prepare
from common.records.text import fold

# Words that a sentence shares with the question count so much beside its cosine.
SHARED_WEIGHT = 0.5
MOST_SENTENCES = 3
# Another sentence of a source is taken, too, if its score is so near to the best.
NEAR = 0.1
# It goes on from the sentence before it, and says nothing without it.
LEANING = re.compile(
    r"(?:it|they|this|that|these|those|then|otherwise|however|also|but|and|if not|meanwhile)\b"
    r"|但|否则|此外|另外|它|这|那|其中|同时|如不|超期|超过",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """What a part of the reply is taken from.

    Attributes:
        sentences: in their order, without what reads like an order to the assistant.
        cosines: [sentences], of each to the question.
        only_in: their language, where that is not the question's.
    """

    source: SentenceSource
    sentences: Sequence[str]
    cosines: NDArray[np.float64]
    only_in: str | None = None


@dataclass(frozen=True)
class Composer:
    """Composes replies by one release."""

    answerer: Answerer

    def or_composed(
        self, answer: Answer, understood: Mapping[str, Understood], language: str
    ) -> Answer:
        """A reply composed of the sources of several questions; else the answer as it was.

        Each question must have a source that answers it for sure: passages that only together
        have its words were tried, and said what nobody asked.

        Args:
            understood: what the model makes of each text of the message.
        """
        found: list[Sentence] = []
        languages = []
        for part in answer.parts:
            source = self._source_of(part, understood, language)
            if source is None:
                return answer
            found += chosen(part.question, source)
            languages.append(source.only_in)
        cited = [citation for part in answer.parts for citation in part.citations[:1]]
        return _with(answer, without_repeats(found), cited, other_than_asked(languages))

    def _source_of(
        self, part: Part, understood: Mapping[str, Understood], language: str
    ) -> Source | None:
        vector = understood[part.question].vector
        if part.answer is not None:
            return self._faq(part.citations[0].faq_id, vector, part.only_in)
        documents = self.answerer.documents
        if not isinstance(documents, Documents):
            return None
        quote = documents.quote(part.question, vector, language=language)
        if not quote.is_sure:
            return None
        return self._passage(part.question, vector, language, quote.only_in)

    def _faq(self, faq_id: str, vector: NDArray[np.float32], only_in: str | None) -> Source:
        faq, index = self.answerer.faqs[faq_id], self.answerer.index
        known = {
            variant.text: row
            for row, variant in enumerate(index.variants if index else ())
            if variant.faq_id == faq_id and variant.is_answer
        }
        sentences = plain([one.strip() for one in SENTENCE_END.split(faq.answer) if one.strip()])
        rows = [known.get(prepare(one)) for one in sentences]
        cosines = [
            0.0 if row is None or index is None else float(index.vectors[row] @ vector)
            for row in rows
        ]
        source = SentenceSource(kind="faq", id=faq.id, title=faq.question, url=faq.url)
        return Source(source, sentences, np.array(cosines), only_in)

    def _passage(
        self, question: str, vector: NDArray[np.float32], language: str, only_in: str | None
    ) -> Source | None:
        """What is found first in the documents."""
        documents = self.answerer.documents
        assert isinstance(documents, Documents)
        index = documents.index
        first = index.search(question, vector, language=language)[0].row
        passage = index.passages[first]
        kept = set(plain(passage.sentences))
        own = [n for n, one in enumerate(passage.sentences) if one in kept]
        source = SentenceSource(
            kind="passage",
            id=passage.id,
            title=passage.heading,
            document=passage.document,
            page=passage.page,
            url=passage.url,
        )
        cosines = index.similarities(first, vector)[own]
        sentences = [passage.sentences[n] for n in own]
        return Source(source, sentences, cosines, only_in) if own else None


def plain(sentences: Sequence[str]) -> list[str]:
    """Those that do not read like an order to a model: what a source says is never obeyed."""
    marks = mark(sentences)
    return [one for one in sentences if not marks[one] & Mark.suspicious]


def told(sentences: Sequence[str]) -> str:
    """A source as a generator reads it: its sentences, a line each, without orders to a model."""
    return "\n".join(plain([one.strip() for one in sentences if one.strip()]))


def chosen(question: str, source: Source) -> list[Sentence]:
    """The sentences of a source that answer a question, in their order."""
    if not source.sentences:
        return []
    asked = keys(question)
    whole = [len(one) >= SHORTEST_SENTENCE for one in source.sentences]
    shared = [len(asked & keys(prepare(one))) / max(len(asked), 1) for one in source.sentences]
    scores = source.cosines + SHARED_WEIGHT * np.array(shared) - ~np.array(whole)
    best = [n for n in np.argsort(-scores, kind="stable") if scores[n] >= scores.max() - NEAR]
    taken: set[int] = set()
    for number in best[:MOST_SENTENCES]:
        start = int(number)
        while start > 0 and LEANING.match(source.sentences[start]):
            start -= 1
        taken |= {*range(start, int(number) + 1)}
    return [Sentence(text=source.sentences[n], source=source.source) for n in sorted(taken)]


def without_repeats(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Each thing said once."""
    once = {fold(one.text): one for one in reversed(sentences)}
    return [one for one in sentences if once[fold(one.text)] is one]


def _with(
    answer: Answer,
    sentences: Sequence[Sentence],
    cited: Sequence[Citation],
    only_in: str | None,
) -> Answer:
    if len({one.source.id for one in sentences}) < 2:
        return answer
    found: dict[str, object] = {
        "decision": "answer",
        "answer": joined(sentences),
        "only_in": only_in,
        "citations": list(cited),
        "suggestions": [],
        "handoff": None,
        "sentences": list(sentences),
        "composed_by": COMPOSING,
    }
    return answer.model_copy(update=found)
