"""What was decided of a story, in a sentence for whom it concerns and one for an auditor."""

from __future__ import annotations

from pathlib import Path

from apps.finance_monitor.schema import ScoredRecord
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.sentences import Sentences, sentences

TEMPLATES = Path(__file__).with_name("sentences.toml")


def account(story: ScoredRecord, found: Explanation, company: str | None = None) -> Sentences:
    """In both languages; empty where no sentiment was learned.

    Args:
        company: whose sentiment is told; None: that of the text.
    """
    score = story.sentiment if company is None else story.sentiment_towards(company)
    probabilities = score.probabilities
    if not probabilities:
        return {}
    likeliest = max(probabilities, key=lambda one: probabilities[one])
    label = score.label or likeliest
    decision = "unsure" if score.label is None else "read"
    # What is said of each of several companies is the model's, whatever a rule says of the text.
    if story.decided_by and (company is None or len(story.entities) == 1):
        decision = "rule"
    elif company is not None:
        decision += "_towards"
    values = {
        "release": story.release_id,
        "company": company,
        "sentiment": label,
        "confidence": probabilities[label],
        "topics": ", ".join(topic.name for topic in story.topics) or "–",
        "rule": story.decided_by.rule if story.decided_by else "–",
    }
    return sentences(TEMPLATES, decision, found, values)
