"""What is kept of a prediction, and what was said of it."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["good", "bad", "correction"]
Status = Literal["new", "accepted", "rejected", "learned"]

# Decisions that say nothing of a release: small talk, a person who took over for the customer's
# sake, and what a rule decided.
CHAT, PERSON, RULE = "chat", "person", "rule"


def new_id() -> str:
    """An id that nobody else has."""
    return uuid4().hex


class Prediction(BaseModel):
    """What a release predicted. Times are seconds since 1970, UTC.

    Attributes:
        source: who asked, hashed.
        subject: whose data it is, as the caller names them; what `purge --subject` goes by.
        text: masked.
        given: what was predicted, as the application has it; with `rule`, a rule decided it.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    at: float
    source: str
    subject: str | None = None
    release_id: str
    text: str
    decision: str
    given: dict[str, Any]


class Feedback(BaseModel):
    """What somebody said of a prediction.

    Attributes:
        trusted: it came from somebody whose word alone counts.
        wanted: the right prediction, as far as it was said.
        status: `new` until a person accepted or rejected it, or a release learned from it.
        learned_in: the release that learned from it.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str = Field(default_factory=new_id)
    at: float
    source: str
    subject: str | None = None
    trusted: bool = False
    prediction_id: str | None = None
    release_id: str | None = None
    kind: Kind
    text: str
    given: dict[str, Any] = {}
    wanted: dict[str, Any] = {}
    status: Status = "new"
    decided_by: str | None = None
    decided_at: float | None = None
    learned_in: str | None = None
