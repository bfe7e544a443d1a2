"""What is watched of questions and answers, and what is usual of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.learning.lessons import LESSONS, load_lessons
from common.learning.schema import Prediction
from common.records.text import language_of, words
from common.releases.registry import Registry
from common.serving.learning.drift import Usual

LANGUAGES = ("en", "zh", "other")
DECISIONS = ("answer", "clarify", "handoff")


def usual(registry: Registry, release_id: str, answerer: Answerer) -> Usual | None:
    """Figures of the questions that the release was measured on, none of which it learned from.

    Returns:
        None for a release that does not hold them.
    """
    release = registry.open(release_id)
    if not (release.directory / LESSONS).exists():
        return None
    lessons, read_before = load_lessons(release)
    answerer = replace(answerer, read_before=read_before)
    learned = [example.text for example in lessons.train]
    known = [text for faq in answerer.faqs.values() for text in (faq.question, faq.answer)]
    vocabulary = {word for text in (*learned, *known) for word in words(text)}
    rows = [
        figures(
            outcome.example.text,
            outcome.decision,
            outcome.probability,
            outcome.candidates[0].score if outcome.candidates else None,
            vocabulary,
        )
        for outcome in evaluate.run(answerer, lessons.golden)
    ]
    names = {name for row in rows for name in row}
    baseline = {name: [row[name] for row in rows if name in row] for name in sorted(names)}
    return Usual(baseline, partial(measure, vocabulary))


def measure(vocabulary: Collection[str], prediction: Prediction) -> dict[str, float]:
    """Figures of a question that was answered; none of what depends on a conversation.

    What is usual is known of questions that stand by themselves.
    """
    given = prediction.given
    if given.get("kind", "question") != "question":
        return {}
    return figures(
        prediction.text,
        prediction.decision,
        given.get("confidence"),
        given.get("score"),
        vocabulary,
    )


def figures(
    question: str,
    decision: str,
    confidence: float | None,
    score: float | None,
    vocabulary: Collection[str],
) -> dict[str, float]:
    """What is watched, by name.

    Args:
        score: of the first FAQ.
        vocabulary: words that the release has read.
    """
    used = words(question)
    found = {
        "length": float(len(question)),
        "language": float(LANGUAGES.index(language_of(question))),
        "unknown words": sum(word not in vocabulary for word in used) / max(len(used), 1),
        "decision": float(DECISIONS.index(decision)),
    }
    if confidence is not None:
        found["confidence"] = round(confidence, 4)
    if score is not None:
        found["score"] = round(score, 4)
    return found
