"""A message understood from what was said before: several readings of it compete."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.documents.quoting import may_be_quoted, quoted
from apps.customer_service.schema import Answer

# FAQs of each ranking that take part when rankings are blended.
DEPTH = 50
SIGNALS = ("score", "dense", "prototype", "lexical", "neighbours")


@dataclass(frozen=True)
class Reading:
    """A text, the FAQs found for it, and what would be answered."""

    text: str
    candidates: Sequence[Candidate]
    answer: Answer

    @property
    def first(self) -> str | None:
        """The FAQ that is found first."""
        return self.candidates[0].faq_id if self.candidates else None

    @property
    def is_answered(self) -> bool:
        """Whether it is sure enough for an answer."""
        return self.answer.decision == "answer" and self.first is not None


@dataclass(frozen=True)
class Reader:
    """Readings of texts by one release.

    Args:
        question: the text that is reranked where there is a reranker; each costs a forward pass.
        language: FAQs of this language are looked among.
        understood: what the model makes of each text.
        kept_out: FAQs that a rule forbids.
        fragment: how probably the question is worded as a part of what was said before, and turns
            to nothing else.
        aside: how probably it says nothing, or is about what no business answers; of the first
            message of a conversation it is not asked.
    """

    answerer: Answerer
    question: str
    understood: Mapping[str, Understood]
    language: str | None
    top_k: int
    kept_out: Collection[str] = ()
    fragment: float = 0.0
    aside: float = 0.0
    _found: dict[str, list[Candidate]] = field(default_factory=dict)
    _read: dict[str, Reading] = field(default_factory=dict)

    def read(self, text: str, *, but: Collection[str] = ()) -> Reading:
        """A text by itself; `but`: FAQs that are left out."""
        if but:
            return self._reading(text, self._rank(text), but)
        if text not in self._read:
            self._read[text] = self._reading(text, self._rank(text), ())
        return self._read[text]

    def blend(
        self, text: str, weights: Mapping[str, float], *, but: Collection[str] = ()
    ) -> Reading:
        """One ranking of several: each signal of an FAQ is its weighted mean over the texts.

        Args:
            text: one of the texts, which it is called by.
            weights: text → its weight; they sum to 1.
        """
        rankings = [(self._rank(one), weight) for one, weight in weights.items()]
        return self._reading(text, blended(rankings), but)

    def asked_back(self, reading: Reading) -> Reading:
        """The same, with its first FAQs to choose from."""
        understood = self.understood[reading.text]
        answer = self.answerer.compose(
            reading.text, understood, reading.candidates, top_k=self.top_k, decided="clarify"
        )
        return replace(reading, answer=answer)

    def put_first(self, reading: Reading, faq_id: str) -> Reading:
        """The same, with an FAQ before the others; those that were before it come last."""
        place = next(n for n, one in enumerate(reading.candidates) if one.faq_id == faq_id)
        candidates = [*reading.candidates[place:], *reading.candidates[:place]]
        return self._reading(reading.text, candidates, ())

    def is_known(self, text: str) -> bool:
        """Whether somebody labelled these very words."""
        index = self.answerer.index
        return index is not None and index.known(text) is not None

    def or_quoted(self, question: str, answer: Answer) -> Answer:
        """A quote where no FAQ answers for sure; what a rule keeps out is not said otherwise."""
        documents = self.answerer.documents
        asked = answer.understood_as or question
        if documents is None or self.first_kept_out or not may_be_quoted(answer):
            return answer
        vector = self.understood[asked].vector
        return quoted(answer, documents.quote(asked, vector, language=self.language))

    @property
    def first_kept_out(self) -> str | None:
        """The FAQ that would come first for the question, were it not kept out."""
        found = self._ranking(self.question) if self.kept_out else []
        first = found[0].faq_id if found else None
        return first if first in self.kept_out else None

    def _rank(self, text: str) -> list[Candidate]:
        return [one for one in self._ranking(text) if one.faq_id not in self.kept_out]

    def _ranking(self, text: str) -> list[Candidate]:
        if text not in self._found:
            self._found[text] = self.answerer.rank(
                text,
                self.understood[text],
                language=self.language,
                top_k=DEPTH,
                reranks=text == self.question,
            )
        return self._found[text]

    def _reading(self, text: str, candidates: Sequence[Candidate], but: Collection[str]) -> Reading:
        left = [one for one in candidates if one.faq_id not in but]
        answer = self.answerer.compose(text, self.understood[text], left, top_k=self.top_k)
        return Reading(text, left, answer)


def blended(rankings: Sequence[tuple[Sequence[Candidate], float]]) -> list[Candidate]:
    """FAQs by the weighted mean of their scores, best first.

    Where a ranking lacks an FAQ, its last one stands in, without words in common.
    """
    found: dict[str, list[tuple[Candidate, float]]] = {}
    known = {one.faq_id: one for ranking, _ in rankings for one in ranking}
    for ranking, weight in rankings:
        placed = {one.faq_id: one for one in ranking}
        # Of each language: their scores are not on one scale.
        lasts = {one.is_foreign: one for one in ranking}
        for faq_id, one in known.items() if ranking else ():
            own = placed.get(faq_id) or replace(
                lasts.get(one.is_foreign, ranking[-1]),
                faq_id=faq_id,
                lexical=0.0,
                neighbours=0.0,
                is_foreign=one.is_foreign,
            )
            found.setdefault(faq_id, []).append((own, weight))
    means = [_mean(weighted) for weighted in found.values()]
    return sorted(means, key=lambda one: (-one.score, one.faq_id))


def _mean(weighted: Sequence[tuple[Candidate, float]]) -> Candidate:
    def mean(signal: str) -> float:
        return sum(float(getattr(one, signal)) * weight for one, weight in weighted)

    means: dict[str, Any] = {name: mean(name) for name in SIGNALS}
    return replace(weighted[0][0], **means)
