"""An FAQ that says otherwise than what the business states elsewhere, as facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel, Field

from apps.customer_service.knowledge.schema import Edit, Entry
from apps.customer_service.schema import Faq
from common.errors import RefusedError


class FaqContradiction(BaseModel):
    """An FAQ says otherwise than the facts do."""

    faq_id: str
    asked: str = Field(description="What both speak of.")
    faq_says: list[str]
    facts_say: list[str]
    places: list[str] = Field(description="The rows.")

    @property
    def text(self) -> str:
        """In a line."""
        places = ", ".join(self.places)
        return (
            f"{self.faq_id}: {self.asked}: it says {', '.join(self.faq_says)}; the facts say "
            f"{', '.join(self.facts_say)} ({places})"
        )


class ContradictionError(RefusedError):
    """What somebody wants to serve says otherwise than the facts do."""

    def __init__(self, found: Sequence[FaqContradiction]) -> None:
        super().__init__(
            "; ".join(one.text for one in found),
            hint="Mend the FAQ or the fact; or serve it all the same, with despite_facts: true, or "
            "--despite-facts. "
            "Then nothing is answered from that fact.",
        )
        self.found = found


class FactCheck(Protocol):
    """Holds FAQs beside facts."""

    def contradictions(self, faqs: Iterable[Faq], at: datetime) -> list[FaqContradiction]:
        """FAQs that say otherwise than the facts do at a time."""

    def say_contradictions(self, faqs: Iterable[Faq]) -> None:
        """Tell of them now, before anything is answered."""


def against(facts: FactCheck, edits: Sequence[Edit]) -> list[FaqContradiction]:
    """Where what edits would serve says otherwise than the facts do, once it is valid."""
    now = datetime.now(UTC)
    served: dict[datetime, list[Entry]] = defaultdict(list)
    for edit in edits:
        live, before = edit.after.live, edit.before.live if edit.before else None
        if live is not None and live != before:
            served[max(now, live.valid_from or now)].append(live)
    return [one for at, entries in served.items() for one in facts.contradictions(entries, at)]


def agreeing(edits: Sequence[Edit], facts: FactCheck | None) -> Sequence[Edit]:
    """The edits, if what they would serve agrees with the facts.

    Raises:
        ContradictionError: it does not.
    """
    if facts is not None and (found := against(facts, edits)):
        raise ContradictionError(found)
    return edits
