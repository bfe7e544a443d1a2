"""What was decided of a question, in a sentence for the customer and one for an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.customer_service.answers.answering import Answerer
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.sentences import Sentences, sentences
from common.learning.schema import Prediction

TEMPLATES = Path(__file__).with_name("sentences.toml")


def account(prediction: Prediction, found: Explanation, answerer: Answerer) -> Sentences:
    """In both languages; empty for a release of intents alone.

    Args:
        answerer: of the release that serves now; its threshold is named.
    """
    if answerer.confidence is None:
        return {}
    given = prediction.given
    faq = answerer.faqs.get(str(given.get("faq_id")))
    values: dict[str, Any] = {
        "release": prediction.release_id,
        "confidence": float(given.get("confidence") or 0.0),
        "threshold": answerer.confidence.threshold,
        "faq_id": given.get("faq_id") or "–",
        "question": faq.question if faq else "–",
        "kind": given.get("kind", "question"),
        "document": given.get("document", "–"),
        "facts": ", ".join(given.get("facts", ["–"])),
        "rule": given.get("rule", "–"),
    }
    return sentences(TEMPLATES, _decision(prediction), found, values)


def _decision(prediction: Prediction) -> str:
    given = prediction.given
    if prediction.decision != "answer":
        return prediction.decision
    if "document" in given:
        return "quote"
    if "facts" in given:
        return "path"
    return "answer" if given.get("faq_id") else "chat"
