"""From a question to a quote: the sentences of a passage that answer it, word for word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.customer_service.documents.confidence import PassageConfidence, signals
from apps.customer_service.documents.index import Floats, PassageIndex, keys
from apps.customer_service.documents.passage import CELLS
from apps.customer_service.schema import Answer, PassageSource, Quote
from common.records.personal import prepare
from common.records.spoken.language import spoken_language
from common.records.text import CHINESE, language_of

# Words that a sentence shares with the question count so much beside its cosine.
SHARED_WEIGHT = 0.5
MOST_SENTENCES = 3
# A neighbour is quoted, too, if its score is so near to the best.
NEAR = 0.35
# What is left to a person for another reason than that no FAQ is sure stays with one.
UNSURE = frozenset({"not_sure", "nothing_found", "out_of_scope"})
ASKED = frozenset({"question", "follow_up", "correction"})


@dataclass(frozen=True)
class Documents:
    """The passages that a release answers from, and how sure they must be."""

    index: PassageIndex
    confidence: PassageConfidence

    def quote(self, question: str, vector: Floats, *, language: str | None) -> Quote:
        """The best passage's sentences for a prepared question, however sure."""
        hits = self.index.search(question, vector, language=language)
        probability = self.confidence.probability(signals(self.index, hits))
        passage = self.index.passages[hits[0].row]
        chosen = self._sentences(question, vector, hits[0].row)
        joint = "\n" if any(CELLS in one for one in chosen) else ""
        if not joint and not CHINESE.search(chosen[0]):
            joint = " "
        text = joint.join(chosen)
        return Quote(
            text=text,
            only_in=_other_language(question, text),
            confidence=round(probability, 4),
            is_sure=probability >= self.confidence.threshold,
            source=PassageSource(
                passage_id=passage.id,
                document=passage.document,
                title=passage.title,
                headings=list(passage.headings),
                page=passage.page,
                url=passage.url,
            ),
        )

    def _sentences(self, question: str, vector: Floats, row: int) -> list[str]:
        """One to three that stand together, around the best one."""
        sentences = self.index.passages[row].sentences
        shared = [self.index.share(question, keys(prepare(one))) for one in sentences]
        scores = self.index.similarities(row, vector) + SHARED_WEIGHT * np.array(shared)
        start = end = int(scores.argmax())
        least = float(scores.max()) - NEAR
        while end - start + 1 < MOST_SENTENCES:
            before = scores[start - 1] if start > 0 else -np.inf
            after = scores[end + 1] if end + 1 < len(sentences) else -np.inf
            if max(before, after) < least:
                break
            if before > after:
                start -= 1
            else:
                end += 1
        return list(sentences[start : end + 1])


def quoted(answer: Answer, quote: Quote | None) -> Answer:
    """The answer, or the quote in its place if no FAQ was sure and a passage is."""
    if quote is None or not quote.is_sure:
        return answer
    found: dict[str, object] = {
        "decision": "answer",
        "answer": quote.text,
        "only_in": quote.only_in,
        "confidence": quote.confidence,
        "citations": [],
        "handoff": None,
        "source": quote.source,
    }
    return answer.model_copy(update=found)


def _other_language(question: str, text: str) -> str | None:
    """The language of a text, if who asked in words of another may not read it.

    Nothing where that is not sure, unless the scripts differ.
    """
    asked, said = spoken_language(question), spoken_language(text)
    if asked and said:
        return None if asked == said else said
    scripts = language_of(question), language_of(text)
    return (said or scripts[1]) if {*scripts} == {"en", "zh"} else None


def may_be_quoted(answer: Answer) -> bool:
    """Whether it was a question that no FAQ answers for sure, and nothing else speaks."""
    is_unsure = answer.handoff is None or answer.handoff.reason in UNSURE
    is_open = answer.decision in {"clarify", "handoff"} and not answer.parts
    return is_open and is_unsure and answer.kind in ASKED
