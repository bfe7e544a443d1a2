"""An alert: a surge, and what it is shown with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from common.records.fields import Time

INDIRECT = "indirect"
AlertStatus = Literal["pending", "firing", "resolved"]
Severity = Literal["notice", "warning", "critical"]
RelationKind = Literal["supplier", "customer", "parent", "peer", "guarantor"]


class Spread(BaseModel):
    """How far a story had spread by the end of the hour that begins at `at`."""

    at: Time
    stories: int
    sources: int


class Told(BaseModel):
    """A story, as it is named beside another."""

    headline: str
    source: str | None = None
    url: str | None = None
    published_at: Time


class Evidence(BaseModel):
    """One story line behind an alert, told by its first story, and what made it negative."""

    id: str
    published_at: Time
    headline: str
    source: str | None = Field(None, description="Who had it first.")
    url: str | None = None
    negative: float | None = Field(
        None,
        description="Probability of negative, for the company of the alert if it has one; the "
        "highest in the line; none where it is not known.",
    )
    outlets: int = Field(1, description="How many stories tell it, copies and near-copies.")
    sources: list[str] = Field([], description="Who ran it, in the order of their first story.")
    last_at: Time | None = Field(None, description="When the latest of its stories came.")
    spread: list[Spread] = []
    otherwise: list[Told] = Field(
        [], description="Stories in like words that say the opposite: a denial, a correction."
    )
    words: list[str] = []


class Window(BaseModel):
    """The span of event time that an alert speaks of."""

    start: Time
    end: Time


class Step(BaseModel):
    """One step of a path: `company` is the `relation` of the next one."""

    company: str
    relation: RelationKind | Literal["subsidiary", "guaranteed"]


class Exposure(BaseModel):
    """A company that depends on the one of an alert; indirect, for nothing was written about it."""

    company: str
    strength: float = Field(description="Share of the shock that arrives, by the relations.")
    path: list[Step] = Field(description="From the company of the alert.")


class Alert(BaseModel):
    """A surge of negative news on one key."""

    alert_id: str
    fingerprint: str
    status: AlertStatus
    severity: Severity
    key: str
    starts_at: Time
    ends_at: Time | None = None
    window: Window
    observed: int = Field(description="Negative stories in the window.")
    expected: float = Field(description="Negative stories that the baseline expects there.")
    share: float = Field(description="Negative among all stories in the window.")
    surprise: float = Field(description="The detector's statistic over its threshold.")
    false_alarm_budget: str
    evidence: list[Evidence] = []
    exposed: list[Exposure] = []
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    release_id: str | None = None
    fired_at: Time | None = Field(None, description="End of the window in which it began to fire.")
    general: bool = Field(
        True, description="It reached the budget over all keys, and not a watchlist's alone."
    )
    watchlists: list[str] = Field([], description="The watchlists whose budget it reached.")

    @property
    def indirect(self) -> str:
        """By which companies alone it concerns who is told of it; empty: directly."""
        return self.annotations.get(INDIRECT, "")

    def marked(self, indirect: str) -> Alert:
        """As it is told to those whom it concerns by these companies alone."""
        if not indirect:
            return self
        return self.model_copy(update={"annotations": {**self.annotations, INDIRECT: indirect}})
