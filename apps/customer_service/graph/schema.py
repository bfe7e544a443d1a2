"""The source of an answer that was found by a path of facts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


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
