"""What was decided of a story, in a sentence for whom it concerns and one for an auditor."""

from __future__ import annotations

from pathlib import Path

from apps.finance_monitor.schema import ScoredRecord
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.sentences import Sentences, sentences

TEMPLATES = Path(__file__).with_name("sentences.toml")


def account(story: ScoredRecord, found: Explanation) -> Sentences:
    """In both languages; empty where no sentiment was learned."""
    probabilities = story.sentiment.probabilities
    if not probabilities:
        return {}
    likeliest = max(probabilities, key=lambda one: probabilities[one])
    label = story.sentiment.label or likeliest
    decision = "unsure" if story.sentiment.label is None else "read"
    values = {
        "release": story.release_id,
        "sentiment": label,
        "confidence": probabilities[label],
        "topics": ", ".join(topic.name for topic in story.topics) or "–",
        "rule": story.decided_by.rule if story.decided_by else "–",
    }
    return sentences(TEMPLATES, "rule" if story.decided_by else decision, found, values)
