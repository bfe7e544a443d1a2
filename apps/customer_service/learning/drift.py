"""What is watched of questions and answers, and what is usual of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.learning.lessons import LESSONS, load_lessons
from apps.customer_service.learning.predictions import BESIDE_FAQS
from apps.customer_service.schema import Faq
from common.files import read_json, write_json
from common.learning.schema import RULE, Prediction
from common.learning.store import FeedbackStore
from common.learning.watching.asked import Asked
from common.learning.watching.drift import Figures, Watched, by_name
from common.records.text import language_of, words
from common.releases.registry import Registry

LANGUAGES = ("en", "zh", "other")
DECISIONS = ("answer", "clarify", "handoff")
USUAL = "usual.json"


def watched(
    registry: Registry, store: FeedbackStore, release_id: str, answerer: Answerer
) -> Watched | None:
    """What is asked of a release, beside the questions that it was measured on.

    It learned from none of those.

    Returns:
        None for a release that does not hold them.
    """
    release = registry.open(release_id)
    if not (release.directory / LESSONS).exists():
        return None
    lessons, read_before = load_lessons(release)
    vocabulary = _vocabulary(lessons.train, answerer.faqs)
    if (release.directory / USUAL).exists():
        usual = read_json(release.directory / USUAL)
    else:
        answerer = replace(answerer, read_before=read_before)
        usual = _usual(evaluate.run(answerer, lessons.golden), vocabulary)
    asked = Asked(store, release_id)

    def new() -> Iterator[tuple[str, Figures]]:
        for prediction in asked.new():
            yield prediction.id, measure(vocabulary, prediction)

    return Watched(usual, new)


def save_usual(
    directory: Path,
    outcomes: Sequence[evaluate.Outcome],
    learned: Sequence[Example],
    faqs: Mapping[str, Faq],
) -> None:
    """Write the figures of the questions that a release was measured on, without their words."""
    write_json(directory / USUAL, _usual(outcomes, _vocabulary(learned, faqs)))


def _usual(
    outcomes: Sequence[evaluate.Outcome], vocabulary: Collection[str]
) -> dict[str, list[float]]:
    return by_name(
        [
            figures(
                outcome.example.text,
                outcome.decision,
                outcome.probability,
                outcome.candidates[0].score if outcome.candidates else None,
                vocabulary,
            )
            for outcome in outcomes
        ]
    )


def _vocabulary(learned: Sequence[Example], faqs: Mapping[str, Faq]) -> set[str]:
    told = [text for faq in faqs.values() for text in (faq.question, faq.answer)]
    asked = [example.text for example in learned]
    return {word for text in (*asked, *told) for word in words(text)}


def measure(vocabulary: Collection[str], prediction: Prediction) -> dict[str, float]:
    """Figures of a question that was answered; none of what depends on more than its FAQs.

    What is usual is known of questions that stand by themselves.
    """
    given = prediction.given
    is_alone = given.get("kind", "question") == "question"
    is_by_faqs = prediction.decision != RULE and given.keys().isdisjoint(BESIDE_FAQS)
    if not (is_alone and is_by_faqs):
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
