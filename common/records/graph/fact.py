"""One fact: two things and how they are related, and how long that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.records.fields import Since, Text, Until


class Triple(NamedTuple):
    """What a fact says: `subject` is the `relation` `object`, each by its one name."""

    subject: str
    relation: str
    object: str


class Fact(BaseModel):
    """A row of a knowledge file.

    Attributes:
        object: another thing, or a value such as `24 months`.
        source: where it is written, or who says so.
        strength: how much of a shock is passed on, above 0 and at most 1.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True)

    subject: Text
    relation: Text
    object: Text
    valid_from: Since | None = None
    valid_until: Until | None = None
    source: str | None = None
    strength: float | None = Field(None, gt=0, le=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_something(self) -> Fact:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("valid_until is not after valid_from")
        if self.subject == self.object:
            raise ValueError("subject and object are the same")
        return self


@dataclass(frozen=True)
class Stated:
    """A fact with its names settled, and where it stands (`knowledge.csv:12`)."""

    triple: Triple
    fact: Fact
    place: str

    def is_valid(self, at: datetime) -> bool:
        """Whether it holds at a time."""
        begun = self.fact.valid_from is None or self.fact.valid_from <= at
        return begun and (self.fact.valid_until is None or at < self.fact.valid_until)

    def overlaps(self, other: Stated) -> bool:
        """Whether there is a time at which both hold."""
        return _begins_before_end(self.fact, other.fact) and _begins_before_end(
            other.fact, self.fact
        )


def _begins_before_end(one: Fact, other: Fact) -> bool:
    return one.valid_from is None or other.valid_until is None or one.valid_from < other.valid_until
