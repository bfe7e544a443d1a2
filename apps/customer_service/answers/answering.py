"""From a question to an answer: the one path that `ask`, `evaluate` and the server share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from apps.customer_service.answers.confidence import CLARIFY_CANDIDATES, Confidence, features
from apps.customer_service.answers.languages.faqs import group_of, is_in, other_language
from apps.customer_service.answers.network import Floats, Network
from apps.customer_service.answers.read_before import ReadBefore
from apps.customer_service.answers.reranking import FIRST, Reranker
from apps.customer_service.answers.retrieval import Candidate, VariantIndex
from apps.customer_service.schema import (
    LONGEST_QUESTION,
    OUT_OF_SCOPE,
    Answer,
    Citation,
    Decision,
    Faq,
    Handoff,
    Intent,
    Quote,
    RankedIntent,
    Suggestion,
)
from common.models.retrieval.nearest_texts import with_nearest_texts
from common.records import personal
from common.records.spoken.language import likely_language
from common.records.spoken.pinyin import spelled

if TYPE_CHECKING:
    from apps.customer_service.task import AnswerModel
    from common.models.encoder import Encoder

INTENTS_SHOWN = 4
# The lexical score from which a question in pinyin is asked back. Of 150 validation questions,
# spelled so, 76 % are, and the right FAQ is shown for 82 % of these; of 44 off-topic ones 5 %.
SPELLED_ALIKE = 0.5


@dataclass(frozen=True)
class Understood:
    """What the model makes of one question.

    Its embedding, each intent's probability, and how near it is to what the intents were learned
    from, as `nearness` has it.
    """

    vector: NDArray[np.float32]
    intents: dict[str, float]
    intent_cosine: float


class Quoting(Protocol):
    """What is answered from where no FAQ answers: documents."""

    def quote(
        self, question: str, vector: NDArray[np.float32], *, language: str | None
    ) -> Quote | None:
        """The nearest sentences to a prepared question; None: there are none."""


@dataclass(frozen=True)
class Answerer:
    """A loaded release.

    `texts` [texts, width] are the embeddings of what a release of intents alone learned from;
    where there are FAQs, their index has them. `text_intents` are their intents, where they are
    few: then they tell intents, too.
    """

    release_id: str
    network: Network
    intents: list[str]
    faqs: dict[str, Faq]
    index: VariantIndex | None
    confidence: Confidence | None
    prototype_ids: list[str]
    texts: NDArray[np.float32] | None = None
    text_intents: Sequence[str] | None = None
    reranker: Reranker | None = None
    read_before: ReadBefore | None = None
    documents: Quoting | None = None

    @property
    def module(self) -> AnswerModel:
        """What was trained, which is loaded now if it was not."""
        return self.network.trained.module

    @property
    def backbone(self) -> Encoder:
        """The encoder of what was trained."""
        return self.network.trained.backbone

    def understand(self, questions: Sequence[str]) -> list[Understood]:
        """One forward pass for all `questions`, which are prepared."""
        return self.read(self.outputs(questions)) if questions else []

    def outputs(self, questions: Sequence[str]) -> dict[str, Floats]:
        """The model's outputs [questions, …], without a forward pass for what it has read."""
        found = self.read_before.find(questions) if self.read_before else None
        if found is not None:
            return found
        return self.network.outputs(questions)

    def read(self, outputs: Mapping[str, Floats]) -> list[Understood]:
        """What the model's outputs say of each question."""
        vectors = outputs["embedding"]
        if not self.intents:
            return [Understood(vector, {}, 0.0) for vector in vectors]
        logits = outputs["intent_logits"]
        direction = logits.max(-1) / self.network.intent_scale
        cosines = nearness(direction, vectors, self.texts).tolist()
        probabilities = softmax(logits, axis=-1)
        if self.texts is not None and self.text_intents:
            told = (self.texts, self._text_classes)
            probabilities = with_nearest_texts(
                probabilities, vectors, *told, self.network.intent_scale
            )
        return [
            Understood(vector, dict(zip(self.intents, row, strict=True)), cosine)
            for vector, row, cosine in zip(vectors, probabilities.tolist(), cosines, strict=True)
        ]

    @cached_property
    def _text_classes(self) -> NDArray[np.int64]:
        """[texts], the number of the intent of each; -1: none."""
        number = {name: i for i, name in enumerate(self.intents)}
        return np.array([number.get(name, -1) for name in self.text_intents or ()])

    def rank(
        self,
        question: str,
        understood: Understood,
        *,
        language: str | None = None,
        top_k: int = 10,
        reranks: bool = True,
    ) -> list[Candidate]:
        """FAQs for a normalised question, best first; none in a release of intents alone.

        Of FAQs that say the same in several languages, only that of the question's.

        Args:
            reranks: the first ones are read with the question by the reranker, if there is one.
        """
        if self.index is None:
            return []
        language = language or likely_language(question)
        found = self._searched(self.index, language).search(
            question,
            understood.vector,
            language=language,
            top_k=max(top_k, FIRST, CLARIFY_CANDIDATES),
        )
        if (known := self.index.known(question)) is not None:
            return sorted(found, key=lambda candidate: candidate.faq_id != known)
        if self.reranker is None or not reranks:
            return found
        return self.reranker.order(question, found, self.faqs)

    def _searched(self, index: VariantIndex, language: str) -> VariantIndex:
        """The index without the FAQs of other languages that there are in this one as well."""
        if language not in self._indexes:
            own = {group_of(faq) for faq in self.faqs.values() if is_in(faq, language)}
            others = (faq for faq in self.faqs.values() if not is_in(faq, language))
            told = [faq.id for faq in others if group_of(faq) in own]
            self._indexes[language] = index.without(*told) if told else index
        return self._indexes[language]

    @cached_property
    def _indexes(self) -> dict[str, VariantIndex]:
        return {}

    def decide(
        self, question: str, candidates: Sequence[Candidate], signals: NDArray[np.float64]
    ) -> tuple[float, Decision]:
        """Probability that the first answer is right, and what to do.

        What somebody labelled in these very words is answered: it is known, not guessed.
        """
        if self.confidence is None:
            return 0.0, "handoff"
        probability, decision = self.confidence.decide(signals)
        known = self.index.known(question) if self.index else None
        if candidates and candidates[0].faq_id == known:
            return max(probability, self.confidence.threshold), "answer"
        if decision == "handoff" and candidates:
            first = candidates[0]
            # No encoder reads pinyin: its signals say nothing of it, the sounds do.
            sounds_so = first.lexical >= SPELLED_ALIKE and spelled(question)
            # Of the others shown with it, the signals of one language say little.
            is_likely = first.is_foreign and probability >= self.confidence.worth_clarifying
            decision = "clarify" if sounds_so or is_likely else decision
        return probability, decision

    def signals(
        self, candidates: Sequence[Candidate], understood: Understood
    ) -> NDArray[np.float64]:
        """What the confidence is computed from."""
        intent_of = {c.faq_id: self.faqs[c.faq_id].intent for c in candidates}
        return features(candidates, understood.intents, understood.intent_cosine, intent_of)

    def answer(
        self,
        question: str,
        understood: Understood,
        *,
        language: str | None = None,
        top_k: int = 3,
        timings: Mapping[str, float] | None = None,
    ) -> Answer:
        """Rank, decide and compose; the answer is the FAQ's own text, word for word."""
        started = perf_counter()
        candidates = self.rank(question, understood, language=language)
        answer = self.compose(question, understood, candidates, top_k=top_k)
        spent = {**(timings or {}), "search": 1000 * (perf_counter() - started)}
        return timed(answer, spent)

    def compose(
        self,
        question: str,
        understood: Understood,
        candidates: Sequence[Candidate],
        *,
        top_k: int = 3,
        decided: Decision | None = None,
    ) -> Answer:
        """Decide on ranked candidates, unless that is `decided`, and put the answer together."""
        signals = self.signals(candidates, understood)
        probability, decision = self.decide(question, candidates, signals)
        decision = decided or decision
        intent = _ranked(understood.intents)
        outside = intent is not None and intent.name == OUT_OF_SCOPE
        nothing_found = self.index is not None and not candidates
        if nothing_found:
            decision = "handoff"
        given = self.faqs[candidates[0].faq_id] if decision == "answer" and candidates else None
        reason = "out_of_scope" if outside else "nothing_found" if nothing_found else "not_sure"
        return Answer(
            id=uuid4().hex,
            release_id=self.release_id,
            decision=decision,
            answer=given and given.answer,
            only_in=given and other_language(question, given),
            confidence=round(probability, 4),
            intent=intent,
            citations=[self._citation(candidate) for candidate in candidates[:top_k]],
            suggestions=self._suggestions(candidates, decision),
            handoff=Handoff(reason=reason) if decision == "handoff" else None,
            timings_ms={},
        )

    def cite(
        self, question: str, understood: Understood, *, language: str | None, top_k: int
    ) -> list[Citation]:
        """The ranking alone, for a normalised question."""
        ranking = self.rank(question, understood, language=language, top_k=top_k)
        return [self._citation(candidate) for candidate in ranking[:top_k]]

    def _citation(self, candidate: Candidate) -> Citation:
        faq = self.faqs[candidate.faq_id]
        score = round(min(max(candidate.score, 0.0), 1.0), 4)
        return Citation(faq_id=faq.id, question=faq.question, url=faq.url, score=score)

    def _suggestions(self, candidates: Sequence[Candidate], decision: str) -> list[Suggestion]:
        near = candidates[1:CLARIFY_CANDIDATES] if decision == "answer" else candidates
        faqs = [self.faqs[candidate.faq_id] for candidate in near[:CLARIFY_CANDIDATES]]
        return [Suggestion(faq_id=f.id, question=f.question, answer=f.answer) for f in faqs]


def nearness(
    direction: NDArray[np.float32],
    vectors: NDArray[np.float32],
    texts: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """How near questions are to what is known, which separates what is out of scope.

    The mean of two cosines separates it better than either does.

    Args:
        direction: [questions], cosine to the nearest intent's direction.
        vectors: [questions, width], of length 1.
        texts: [texts, width], embeddings of the training texts; None: `direction` alone.
    """
    if texts is None:
        return direction
    return np.asarray(0.5 * (direction + (vectors @ texts.T).max(1)))


def timed(answer: Answer, spent: Mapping[str, float]) -> Answer:
    """The answer with the milliseconds of each stage, and all of them together."""
    timings = {name: round(value, 2) for name, value in spent.items()}
    timings["total"] = round(sum(timings.values()), 2)
    return answer.model_copy(update={"timings_ms": timings})


def prepare(question: str) -> str:
    """The spelling that is encoded, searched and stored: normalised, personal data masked."""
    return personal.prepare(question[:LONGEST_QUESTION])


def _ranked(intents: Mapping[str, float]) -> Intent | None:
    if not intents:
        return None
    ranked = sorted(intents.items(), key=lambda pair: -pair[1])[:INTENTS_SHOWN]
    first, *others = [RankedIntent(name=n, confidence=round(p, 4)) for n, p in ranked]
    return Intent(name=first.name, confidence=first.confidence, alternatives=others)
