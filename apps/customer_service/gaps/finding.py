"""Questions that were not answered → clusters of what means the same, the most wanted first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.importing.mining.clusters import cluster
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


def distinct_texts(asked: Sequence[Prediction]) -> list[str]:
    """The texts of `asked`, the most frequent and then the latest first; at most MOST_TEXTS."""
    counts = Counter(one.text for one in reversed(asked))
    return [text for text, _ in counts.most_common(MOST_TEXTS)]


def find_gaps(
    answerer: Answerer, asked: Sequence[Prediction], understood: Mapping[str, Understood]
) -> list[Gap]:
    """What is wanted and missing; what would be answered by now is left out.

    Args:
        asked: questions that were not answered, oldest first.
        understood: what the answerer's model makes of their texts; others are left out.

    Returns:
        Those of most people first, where who is angry counts twice.
    """
    nearest = {text: _nearest(answerer, text, one) for text, one in understood.items()}
    texts = [text for text, (_, is_answered) in nearest.items() if not is_answered]
    if not texts:
        return []
    of: dict[str, list[Prediction]] = {text: [] for text in texts}
    for one in asked:
        if one.text in of:
            of[one.text].append(one)
    weights = np.array([len(of[text]) for text in texts], np.float32)
    vectors, labels = group(answerer, [understood[text] for text in texts], weights)
    found = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        middle = texts[members[_medoid(vectors[members], weights[members])]]
        ordered = [texts[i] for i in members[np.argsort(-weights[members], kind="stable")]]
        found.append(_gap(middle, ordered, of, nearest[middle][0]))
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


def _nearest(
    answerer: Answerer, question: str, understood: Understood
) -> tuple[Nearest | None, bool]:
    """The first FAQ, and whether it would be the answer."""
    candidates = answerer.rank(question, understood)
    signals = answerer.signals(candidates, understood)
    probability, decision = answerer.decide(question, candidates, signals)
    if not candidates:
        return None, False
    faq = answerer.faqs[candidates[0].faq_id]
    return Nearest(faq.id, faq.question, round(probability, 4)), decision == "answer"


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
) -> Gap:
    asked = [one for text in texts for one in of[text]]
    people = {one.subject or one.source for one in asked}
    angry = {one.subject or one.source for one in asked if one.given.get("kind") in ANGRY}
    times = [one.at for one in asked]
    return Gap(
        question=middle,
        language=language_of(middle),
        asked=len(asked),
        people=len(people),
        angry=len(angry),
        first_at=min(times),
        last_at=max(times),
        examples=list(texts[:EXAMPLES_SHOWN]),
        nearest=nearest,
    )
