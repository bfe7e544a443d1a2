"""Questions that were not answered → clusters of what means the same, the most wanted first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.conversation.dialogue import Dialogue
from apps.customer_service.conversation.message import Message, take_apart
from apps.customer_service.conversation.patterns import Patterns
from apps.customer_service.importing.mining.clusters import cluster
from apps.customer_service.learning.predictions import prediction_of
from apps.customer_service.schema import Answer, Faq
from common.learning.schema import Prediction
from common.records.text import language_of

# Clusters of written questions were purest for what they found here (benchmarks/gaps.py).
ALIKE = 0.45
# What the release knows tells what all questions have in common as well as so many of them do.
KNOWN_WEIGHT = 100.0
MOST_TEXTS = 2000
EXAMPLES_SHOWN = 8
ANGRY = frozenset({"angry", "distress"})
NOT_ANSWERED = ("handoff", "clarify")


@dataclass(frozen=True)
class Nearest:
    """The FAQ that comes nearest, and how sure it is that it answers."""

    faq_id: str
    question: str
    confidence: float


@dataclass(frozen=True)
class Gap:
    """Questions that mean the same and are not answered.

    Attributes:
        question: the one in the middle of them.
        asked: how often they were asked.
        people: by how many; each counts once, however often they ask.
        angry: how many of these were angry or in distress.
        first_at, last_at: seconds since 1970.
        examples: their texts, the most frequent first.
        is_dismissed: somebody said that most of the examples' askings are not the business's own.
    """

    question: str
    language: str
    asked: int
    people: int
    angry: int
    first_at: float
    last_at: float
    examples: list[str]
    nearest: Nearest | None
    is_dismissed: bool = False


@dataclass(frozen=True)
class Questions:
    """What was not answered, and what of it is looked at.

    Attributes:
        asked: the questions, oldest first.
        messages: text → what it consists of; the texts asked most often, then the latest.
        rarer: how many other texts there are, which are not looked at.
        rarer_asked: how often those were asked.
    """

    asked: Sequence[Prediction]
    messages: Mapping[str, Message]
    rarer: int
    rarer_asked: int

    @classmethod
    def of(
        cls, asked: Sequence[Prediction], faqs: Mapping[str, Faq], patterns: Patterns
    ) -> Questions:
        """Choose what is looked at: at most MOST_TEXTS texts.

        Args:
            asked: questions that were not answered, oldest first.
            faqs: those that serve.
        """
        counts = Counter(one.text for one in reversed(asked)).most_common()
        chosen, rarer = counts[:MOST_TEXTS], counts[MOST_TEXTS:]
        messages = {text: take_apart(text, [], faqs, patterns) for text, _ in chosen}
        return cls(asked, messages, len(rarer), sum(count for _, count in rarer))

    @property
    def texts(self) -> list[str]:
        """What the model is to read, each once."""
        return list(dict.fromkeys(text for one in self.messages.values() for text in one.texts))


def find_gaps(
    dialogue: Dialogue,
    questions: Questions,
    understood: Mapping[str, Understood],
    dismissed: Collection[str] = (),
) -> list[Gap]:
    """What is wanted and missing; what FAQ, document, fact or rule answers by now is left out.

    Args:
        dialogue: what would reply now.
        understood: what its model makes of the texts that are to be read.
        dismissed: texts that are not the business's own.

    Returns:
        Those of most people first, where who is angry counts twice.
    """
    nearest = {}
    for text, message in questions.messages.items():
        answer = dialogue.reply(message, understood)
        if not _is_answered(answer):
            nearest[text] = _nearest(answer)
    texts = list(nearest)
    if not texts:
        return []
    of: dict[str, list[Prediction]] = {text: [] for text in texts}
    for one in questions.asked:
        if one.text in of:
            of[one.text].append(one)
    weights = np.array([len(of[text]) for text in texts], np.float32)
    asking = [understood[questions.messages[text].question] for text in texts]
    vectors, labels = group(dialogue.answerer, asking, weights)
    found = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        middle = texts[members[_medoid(vectors[members], weights[members])]]
        ordered = [texts[i] for i in members[np.argsort(-weights[members], kind="stable")]]
        found.append(_gap(middle, ordered, of, nearest[middle], dismissed))
    return sorted(found, key=lambda gap: (-(gap.people + gap.angry), -gap.asked, -gap.last_at))


def group(
    answerer: Answerer, understood: Sequence[Understood], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What means the same.

    Args:
        weights: [texts], how often each was asked.

    Returns:
        The vectors that were compared, [texts, dimensions], and [texts], the number of each one's
        group, from 0.
    """
    vectors = _centred(np.stack([one.vector for one in understood]), answerer)
    return vectors, cluster(vectors, weights, ALIKE)


def _is_answered(answer: Answer) -> bool:
    """Whether it would be kept as something else than what nobody answered."""
    kept = prediction_of(answer, "", at=0.0, source="", subject=None)
    return kept.decision not in NOT_ANSWERED


def _nearest(answer: Answer) -> Nearest | None:
    if not answer.citations:
        return None
    first = answer.citations[0]
    return Nearest(first.faq_id, first.question, answer.confidence)


def _centred(vectors: NDArray[np.float32], answerer: Answerer) -> NDArray[np.float32]:
    """Less what all have in common, which tells nothing apart; of length 1."""
    known = answerer.index.vectors if answerer.index else answerer.texts
    if known is not None:
        total = vectors.sum(axis=0) + KNOWN_WEIGHT * known.mean(axis=0)
        vectors = vectors - total / (len(vectors) + KNOWN_WEIGHT)
    length = np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-9)
    return np.asarray(vectors / length, np.float32)


def _medoid(vectors: NDArray[np.float32], weights: NDArray[np.float32]) -> int:
    return int((vectors @ (vectors * weights[:, None]).sum(axis=0)).argmax())


def _gap(
    middle: str,
    texts: Sequence[str],
    of: Mapping[str, Sequence[Prediction]],
    nearest: Nearest | None,
    dismissed: Collection[str],
) -> Gap:
    asked = [one for text in texts for one in of[text]]
    people = {one.subject or one.source for one in asked}
    angry = {one.subject or one.source for one in asked if one.given.get("kind") in ANGRY}
    times = [one.at for one in asked]
    examples = texts[:EXAMPLES_SHOWN]
    not_ours = sum(len(of[text]) for text in examples if text in dismissed)
    return Gap(
        question=middle,
        language=language_of(middle),
        asked=len(asked),
        people=len(people),
        angry=len(angry),
        first_at=min(times),
        last_at=max(times),
        examples=list(examples),
        nearest=nearest,
        is_dismissed=2 * not_ours > sum(len(of[text]) for text in examples),
    )
