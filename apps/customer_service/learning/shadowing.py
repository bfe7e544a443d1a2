"""What customers asked of late, put to a candidate."""

from __future__ import annotations

import time
from datetime import timedelta

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.learning.predictions import BESIDE_FAQS
from common.console import say
from common.learning.store import FeedbackStore
from common.learning.watching.shadow import MOST_ASKED, Shadow, compare_answers

QUESTION = "question"


def ask_again(
    candidate: Answerer, store: FeedbackStore, serving_id: str, period: timedelta
) -> Shadow:
    """The kept answers of the serving release beside what the candidate would have answered."""
    since = time.time() - period.total_seconds()
    rows = store.predictions(serving_id, (since, ""), MOST_ASKED)
    # What depends on what was said before, or asks nothing, cannot be asked again by itself; nor
    # is what a document or the facts answered a matter of FAQs.
    rows = [row for row in rows if row.given.get("kind", QUESTION) == QUESTION]
    rows = [row for row in rows if row.given.keys().isdisjoint(BESIDE_FAQS)]
    say(f"Asking the candidate {len(rows):,} questions of the last {period}")
    texts = [row.text for row in rows]
    answers = [
        candidate.answer(text, understood)
        for text, understood in zip(texts, candidate.understand(texts), strict=True)
    ]
    return compare_answers(
        texts,
        [_said(row.decision, row.given.get("faq_id")) for row in rows],
        [
            _said(one.decision, one.citations[0].faq_id if one.citations else None)
            for one in answers
        ],
    )


def _said(decision: str, faq_id: str | None) -> str:
    return f"{decision} {faq_id}" if decision == "answer" else decision
