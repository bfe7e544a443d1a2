"""The records this application reads and writes: interactions, items, users, candidates, lists."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from common.records.fields import Text, Time
from common.rules.rule import DecidedBy

# What releases are compared by, the first one first.
FIGURES = ("ndcg@10", "recall@50", "coverage")


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _from_cell(value: object) -> object:
    """A cell of a CSV is text, where only the numbers 0 and 1 are choices."""
    return int(value) if isinstance(value, str) and value.strip() in {"0", "1"} else value


MOST_EVENTS, MOST_ITEMS = 1000, 100
MOST_MARGIN = 1e12
# Prices are computed with in single precision, which holds no more than 3e38.
MOST_PRICE = 1e30
ANONYMOUS = "anonymous"
Language = Literal["en", "zh"]
K = Annotated[int, Field(ge=1, le=MOST_ITEMS)]
Strength = Annotated[float, Field(ge=0, le=1, description="None: as the release chose.")]
Behavior = Literal["browse", "click", "comment", "share", "purchase"]
BEHAVIORS: tuple[Behavior, ...] = get_args(Behavior)


class Record(BaseModel):
    """What all records share: an id may be written as a number."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


def _not_ahead(time: datetime, info: ValidationInfo) -> datetime:
    """Refuse what lies after `latest` (seconds since 1970) of the validation context."""
    context = info.context or {}
    if time.timestamp() > context.get("latest", math.inf):
        raise ValueError(f"dated {time:%Y-%m-%d %H:%M} UTC, {context['beyond']}")
    return time


def _picture(value: object) -> object:
    """Lists and objects name no file, and are told with the pictures that are not there."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if value else None


class Interaction(Record):
    """One thing a user did; with `label` 0, what was shown to them and not taken.

    `timestamp` is ISO 8601 with zone, or seconds or milliseconds since 1970. A `rating` below the
    middle of its scale, or a `weight` of 0, says that the item was met and not liked.
    """

    user_id: Text
    item_id: Text
    behavior: Annotated[Behavior, BeforeValidator(_lower)] = "click"
    timestamp: Annotated[Time, AfterValidator(_not_ahead)]
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    impression_id: Text | None = None
    label: Annotated[Literal[0, 1] | None, BeforeValidator(_from_cell)] = None
    rating: float | None = Field(None, allow_inf_nan=False)


class Item(Record):
    """Something that can be recommended.

    `margin` is what one sale earns, in one currency for all items, and below 0 where it loses;
    `image` a path, from where the file of items lies.
    """

    item_id: Text
    title: Text
    description: str | None = None
    tags: list[Text] = []
    category: Text | None = None
    price: float | None = Field(None, ge=0, le=MOST_PRICE, allow_inf_nan=False)
    created_at: Time | None = None
    language: str | None = None
    available: bool = True
    stock: float | None = Field(None, allow_inf_nan=False)
    margin: Annotated[float, Field(ge=-MOST_MARGIN, le=MOST_MARGIN)] | None = None
    image: Annotated[Text | None, BeforeValidator(_picture)] = None

    @property
    def is_there(self) -> bool:
        """Whether it can be had: it is available, and its stock, if that is known, is above 0."""
        return self.available and (self.stock is None or self.stock > 0)

    @property
    def content(self) -> str:
        """What the model reads."""
        parts = [self.title, self.description or "", " ".join(self.tags)]
        return "\n".join(part for part in parts if part)


class User(Record):
    """What is known of a user beside what they did: any further columns are features."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="allow")

    user_id: Text

    @property
    def features(self) -> dict[str, Any]:
        """The further columns."""
        return dict(self.model_extra or {})


class Candidate(Record):
    """An item that may be shown to a user; without `user_id`, to everybody."""

    item_id: Text
    user_id: Text | None = None


# How a shop relates one item to another, by its own file.
RelationName = Literal["accessory", "successor", "substitute", "requires"]


class Reason(BaseModel):
    """Why an item stands in a list: items of the history that speak for it, or a feature.

    Or how the shop relates it to another item; what it requires and the user lacks is named.
    """

    kind: Literal["history", "feature", "relation"]
    text: str = Field(description="One sentence in the user's language.")
    item_id: str | None = None
    feature: str | None = None
    relation: RelationName | None = None
    strength: float


class Recommendation(BaseModel):
    """One row of the output."""

    user_id: str
    item_id: str
    rank: int = Field(description="From 1.")
    score: float = Field(description="The second stage's score; higher is better.")
    text_score: float = Field(description="Largest cosine of the item and the user's interests.")
    p_click: float | None = Field(description="None where the release states no probabilities.")
    p_purchase: float | None
    p_like: float | None = Field(
        None, description="That the user likes it once they meet it; None without ratings."
    )
    source: Literal["text", "neighbours", "popular", "rule"]
    cold_user: bool
    cold_item: bool
    reasons: list[Reason] = []
    decided_by: DecidedBy | None = Field(None, description="The rule that put it there.")
    shown_as: dict[str, str] | None = Field(
        None, description="A category that is shown under another name."
    )
    propensity: float | None = Field(
        None, description="How probable it was that it would be shown there; None: not explored."
    )
    explored: bool = Field(False, description="Whether its place was given to chance.")
    explored_price: float | None = Field(None, description="Estimated clicks lost by that.")
    model_id: str
    scored_at: datetime


class Users(BaseModel):
    """Ids that hold the query, those that begin with it first; of `total` in all."""

    total: int
    users: list[str]


class Shown(BaseModel):
    """What the page shows of an item; an item of the history may be gone from the catalogue."""

    title: str | None
    category: str | None
    price: float | None


class Done(Shown):
    """One event of a history."""

    item_id: str
    behavior: Behavior
    timestamp: Time
    rating: float | None


class History(BaseModel):
    """What a user did, the latest first; `total` counts what is left out as well."""

    user_id: str
    total: int
    events: list[Done]


class Listed(Recommendation, Shown):
    """One place of a ranking."""


class Ranking(BaseModel):
    """A ranking, and the strength of diversity it was made with."""

    user_id: str
    session_id: str | None = None
    model_id: str
    diversity: float
    tuned_diversity: float
    kept_out: dict[str, int] = Field({}, description="How many items each rule keeps out.")
    unknown_items: list[str] = Field([], description="Of what was done, not in the catalogue.")
    items: list[Listed]
