"""Gaps as a table that people open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.customer_service.gaps.finding import Gap, Questions


def as_table(found: Sequence[Gap], questions: Questions | None = None) -> list[dict[str, Any]]:
    """One flat row for each gap.

    Args:
        questions: what they were found in; a last row tells what of it was not looked at, if
            anything was not.
    """
    rows = [
        {
            "question": gap.question,
            "language": gap.language,
            "asked": gap.asked,
            "people": gap.people,
            "angry": gap.angry,
            "dismissed": gap.is_dismissed,
            "nearest_faq": gap.nearest and gap.nearest.faq_id,
            "nearest_question": gap.nearest and gap.nearest.question,
            "confidence": gap.nearest and gap.nearest.confidence,
            "examples": gap.examples,
        }
        for gap in found
    ]
    if rows and questions and questions.rarer:
        told = f"({questions.rarer:,} rarer wordings, which were not looked at)"
        left_out = {"question": told, "asked": questions.rarer_asked, "examples": []}
        rows.append({**dict.fromkeys(rows[0]), **left_out})
    return rows
