"""Gaps as a table that people open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.customer_service.gaps.finding import Gap


def as_table(found: Sequence[Gap]) -> list[dict[str, Any]]:
    """One flat row for each gap."""
    return [
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
