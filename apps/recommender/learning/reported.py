"""What is reported as it happens: what was shown to a user, and what they did."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from common.records.fields import content_hash


class Event(BaseModel):
    """One item that was shown to a user, or one thing that a user did. Times as `at`.

    Attributes:
        at: seconds since 1970, UTC.
        behavior: what was done, as the shop names it, or `shown`.
        source: who reported it, hashed.
        position: the place in what was shown, from 1.
        propensity: how probable it was that this item would be shown there.
        release_id: of the release that served when it was reported.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    at: float
    source: str
    user_id: str
    item_id: str
    behavior: str
    rating: float | None = None
    impression_id: str | None = None
    position: int | None = None
    propensity: float | None = None
    release_id: str | None = None


class Done(NamedTuple):
    """One thing that a user did, as far as drift is looked for in it."""

    id: str
    user_id: str
    item_id: str
    behavior: str
    release_id: str | None = None


def event_id(own: str | None, *parts: object) -> str:
    """The same event reported twice is one: by the shop's own id, or by all that it says."""
    return content_hash(f"id {own}" if own else " ".join(["event", *map(repr, parts)]))
