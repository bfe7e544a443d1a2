"""What a history came to: events that are known, the alerts that report them, and all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel

from apps.finance_monitor.alerts.operations import Case
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.keys import name_of
from common.records.fields import CalendarTime
from common.records.reader import read_records

# An alert that begins this long after an event ended still speaks of it.
AFTERMATH = timedelta(hours=24)


class LabelledEvent(BaseModel):
    """What is known to have happened; `kind` quiet: no alert is wanted."""

    name: str
    key: str
    start: CalendarTime
    end: CalendarTime
    kind: Literal["surge", "quiet"] = "surge"

    def explains(self, case: Case) -> bool:
        """Whether the alert speaks of this event."""
        alert = case.alert
        meant = self.key in {alert.key, name_of(alert.key)}
        # What still goes on when the history ends was last told of when it changed.
        goes_on = alert.status != "resolved"
        is_late = not goes_on and (alert.ends_at or alert.window.end) <= self.start
        return meant and alert.starts_at < self.end + AFTERMATH and not is_late


@dataclass(frozen=True)
class Found:
    """One labelled event, and the first alert that reported it."""

    event: LabelledEvent
    case: Case | None
    lateness: timedelta

    @property
    def delay(self) -> timedelta | None:
        """From the event's start to the alert, which waited for late news."""
        if self.case is None or self.case.alert.fired_at is None:
            return None
        return max(self.case.alert.fired_at + self.lateness - self.event.start, timedelta())


@dataclass(frozen=True)
class Heard:
    """What one watchlist would have been notified of.

    Attributes:
        budget: its own; None: that of the backtest.
        indirect: those that concern it only by a company that is exposed.
    """

    name: str
    budget: Budget | None
    notified: list[Case]
    indirect: list[Case]
    false_alarms: list[Case]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        kinds = ("notified", "indirect", "false_alarms")
        return {
            "name": self.name,
            "budget": str(self.budget) if self.budget else None,
            **{kind: [one.alert.alert_id for one in getattr(self, kind)] for kind in kinds},
        }


@dataclass(frozen=True)
class Outcome:
    """What a budget would have come to.

    Attributes:
        notified: of which those would have been notified who get all alerts.
    """

    budget: Budget
    cases: list[Case]
    notified: list[Case]
    found: list[Found]
    days: float
    lists: list[Heard] = field(default_factory=list)

    @property
    def false_alarms(self) -> list[Case]:
        """Notified, and no surge explains them; all of them if no events are known."""
        return unexplained(self.notified, [one.event for one in self.found])

    @property
    def detected(self) -> list[Found]:
        """Surges that were reported."""
        return [one for one in self.found if one.event.kind == "surge" and one.case]

    @property
    def median_delay_hours(self) -> float | None:
        """Half of the detected surges were reported sooner."""
        delays = [
            one.delay.total_seconds() / 3600 for one in self.detected if one.delay is not None
        ]
        return round(median(delays), 2) if delays else None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "budget": str(self.budget),
            "days": round(self.days, 2),
            "alerts": [case.model_dump(mode="json") for case in self.cases],
            "notified": len(self.notified),
            # As it was called before.
            "told": len(self.notified),
            "false_alarms": [case.alert.alert_id for case in self.false_alarms],
            "events": [
                {
                    "name": one.event.name,
                    "kind": one.event.kind,
                    "alert_id": one.case.alert.alert_id if one.case else None,
                    "delay_hours": one.delay.total_seconds() / 3600
                    if one.delay is not None
                    else None,
                }
                for one in self.found
            ],
            "watchlists": [one.to_json() for one in self.lists],
            "median_delay_hours": self.median_delay_hours,
        }


def unexplained(cases: Sequence[Case], events: Sequence[LabelledEvent]) -> list[Case]:
    """Alerts that no surge among the events explains."""
    surges = [event for event in events if event.kind == "surge"]
    return [case for case in cases if not any(event.explains(case) for event in surges)]


def read_events(path: Path) -> list[LabelledEvent]:
    """Read labelled events.

    Raises:
        UserError: the file is missing or a row is wrong.
    """
    return read_records(path, LabelledEvent).items
