"""What a ranking is asked for with: what was just done, and what must not be in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.behaviors import DEFAULT, LONGEST_NAME, Behaviors
from apps.recommender.schema import (
    ANONYMOUS,
    MOST_EVENTS,
    Interaction,
    K,
    Language,
    Strength,
)
from common.records.fields import Text, Time

# What lies further ahead of the clock is a mistake.
CLOCK_TOLERANCE = timedelta(days=1)

Ids = Annotated[list[Text], Field(max_length=MOST_EVENTS)]
Int32 = NDArray[np.int32]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class SessionEvent(_Body):
    """Something that was done in the session; without `timestamp`, just now."""

    item_id: Text
    behavior: Annotated[Text, Field(max_length=LONGEST_NAME)] = DEFAULT
    timestamp: Time | None = None


class DatedEvent(SessionEvent):
    """Something that was done."""

    timestamp: Time


class Wanted(_Body):
    """What a list is to be like, whoever it is for: the query of `GET /v1/recommendations/…`."""

    session_id: Annotated[Text, Field(max_length=200)] | None = Field(
        None, description="What was recommended to it is not recommended to it again for a while."
    )
    k: K = 10
    diversity: Strength | None = None
    language: Language | None = None
    shown: Ids = Field([], description="Item ids that were shown already, and are left out.")
    exclude: Ids = Field([], description="Item ids that are left out for any other reason.")
    categories: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = Field(
        None, description="Items of these alone."
    )
    most_price: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Items without a price pass."
    )


class RankingRequest(Wanted):
    """Body of `POST /v1/recommendations`: `events` of a session, or a `history` in any order."""

    user_id: Text = Field(
        ANONYMOUS, description="Of a known user: the events are added to what they did before."
    )
    events: Annotated[list[SessionEvent], Field(max_length=MOST_EVENTS)] | None = Field(
        None, description="What was just done, oldest first. Unknown items are passed over."
    )
    history: Annotated[list[DatedEvent], Field(max_length=MOST_EVENTS)] | None = Field(
        None,
        description="In the place of events, all that was done, whatever is known of the user: "
        "each with its time; unknown items are refused.",
    )
    only_available: Literal[True] = Field(
        True,
        description="What is not available is left out, unless the rule available_only is false.",
    )

    @model_validator(mode="after")
    def _has_one_past(self) -> Self:
        if (self.events is None) == (self.history is None):
            raise ValueError("give events, or history; a list may be empty")
        return self


def past_of(
    asked: RankingRequest, catalogue: Catalogue, behaviors: Behaviors
) -> tuple[list[Interaction], list[str]]:
    """What was done, oldest first, and the ids among it that the catalogue lacks.

    Raises:
        ValueError: a time ahead of the clock, an unknown behaviour, or an unknown item in
            `history`.
    """
    name = "events" if asked.history is None else "history"
    given: Sequence[SessionEvent] = asked.history or asked.events or ()
    now = datetime.now(UTC)
    done, unknown = [], []
    for place, event in enumerate(given):
        at = event.timestamp or now
        if at > now + CLOCK_TOLERANCE:
            raise ValueError(f"{name}[{place}]: {at.isoformat()} is ahead of the clock.")
        try:
            meaning = behaviors.read(event.behavior)
        except ValueError as error:
            raise ValueError(f"{name}[{place}].behavior: {error}") from None
        if event.item_id not in catalogue.number:
            if asked.history is not None:
                raise ValueError(f"There is no item {event.item_id!r}.")
            unknown.append(event.item_id)
            continue
        done.append(
            Interaction(
                user_id=asked.user_id,
                item_id=event.item_id,
                behavior=meaning.behavior,
                weight=meaning.liking,
                timestamp=at,
            )
        )
    return sorted(done, key=lambda event: event.timestamp), sorted(set(unknown))


def subject_of(asked: RankingRequest) -> str | None:
    """By whom an experiment goes: the user, or the session of whoever is not named."""
    return asked.session_id if asked.user_id == ANONYMOUS else asked.user_id


def adds_to_known(asked: RankingRequest, knows: Callable[[str], bool]) -> bool:
    """Whether what was done stands behind what is known of the user, and not for itself alone."""
    is_named = asked.user_id != ANONYMOUS and asked.events is not None
    return is_named and knows(asked.user_id)


def barred_by(asked: Wanted, catalogue: Catalogue) -> Int32:
    """Numbers of the items that the request keeps out.

    Raises:
        ValueError: no item has a category that is asked for.
    """
    numbers = catalogue.number
    barred = np.zeros(len(catalogue), np.bool_)
    barred[[numbers[one] for one in (*asked.shown, *asked.exclude) if one in numbers]] = True
    if asked.categories is not None:
        wanted = [_category(name, catalogue) for name in asked.categories]
        barred |= ~np.isin(catalogue.category, wanted)
    if asked.most_price is not None:
        barred |= catalogue.price > asked.most_price
    return np.flatnonzero(barred).astype(np.int32)


def _category(name: str, catalogue: Catalogue) -> int:
    if name in catalogue.categories:
        return catalogue.categories.index(name)
    near = difflib.get_close_matches(name, catalogue.categories, n=1)
    raise ValueError(
        f"No item is of the category {name!r}" + (f"; did you mean {near[0]!r}?" if near else ".")
    )
