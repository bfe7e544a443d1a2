"""What of a table the knowledge does not have yet, so that an import may be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.customer_service.knowledge.schema import Edited, Knowledge
from apps.customer_service.schema import Faq
from common.records.text import fold


@dataclass(frozen=True)
class LeftOut:
    """An FAQ that is not added, and why."""

    faq: Faq
    reason: str


def what_is_new(knowledge: Knowledge, faqs: Sequence[Faq]) -> tuple[list[Faq], list[LeftOut]]:
    """The FAQs of a table that nobody has seen yet, and the others.

    Not new is what there is, what was rejected or removed, and what is asked, in one of its
    wordings, by an FAQ that is served or waits as a draft. What came and was taken back by an undo
    is as if it had never come.
    """
    asked = {
        fold(text): faq_id
        for faq_id, one in knowledge.all.items()
        for entry in one.standing.entries
        for text in (*entry.variants, *entry.heard)
    }
    new: list[Faq] = []
    left_out: list[LeftOut] = []
    for faq in faqs:
        found = knowledge.get(faq.id)
        by = next((asked[text] for text in map(fold, faq.variants) if text in asked), None)
        if found is not None and not _is_taken_back(found):
            left_out.append(LeftOut(faq, _known(found, faq)))
        elif by is not None:
            left_out.append(LeftOut(faq, f"{by} asks the same"))
        else:
            new.append(faq)
    return new, left_out


def _is_taken_back(found: Edited) -> bool:
    return not found.standing.entries and found.last is not None and found.last.kind == "undo"


def _known(found: Edited, faq: Faq) -> str:
    entries = found.standing.entries
    if not entries:
        return "rejected or removed before"
    is_same = any(entry.answer == faq.answer for entry in entries)
    return "there already" if is_same else "there already, with another answer"
