"""The source of an answer that was found by a path of facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from common.errors import RefusedError


class FactShown(BaseModel):
    """One fact of a path, by the row that states it."""

    text: str = Field(description="In the question's language: thing, relation, thing.")
    subject: str
    relation: str
    object: str
    place: str = Field(description="The row, as `knowledge.csv:12`.")
    source: str | None = Field(None, description="Where the row says that it is written.")
    valid_until: datetime | None = None


class PathSource(BaseModel):
    """The facts that an answer follows from, and by which rules."""

    kind: Literal["path"] = "path"
    facts: list[FactShown]
    rules: list[str] = Field([], description="As `transitive: part of`; none: it is stated.")
    as_of: datetime = Field(description="The facts held then.")
    instead_of: str | None = Field(
        None, description="Id of the FAQ that the search was sure of and that does not name it."
    )


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
            hint="Mend the FAQ or the fact; or serve it all the same, with despite_facts: true. "
            "Then nothing is answered from that fact.",
        )
        self.found = found
