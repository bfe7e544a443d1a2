"""The past again, by event time and as fast as it goes: what would have fired, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from apps.finance_monitor.alerts.operations import Case, cases
from apps.finance_monitor.feeds.opening import open_past
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Signed, Store
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.keys import name_of
from apps.finance_monitor.watch.follow import Step, Watch
from apps.finance_monitor.watch.monitor import Rules
from common.console import Advance, progress
from common.errors import UserError
from common.records.fields import Time
from common.records.reader import read_records

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

# An alert that begins this long after an event ended still speaks of it.
AFTERMATH = timedelta(hours=24)


class LabelledEvent(BaseModel):
    """What is known to have happened; `kind` quiet: no alert is wanted."""

    name: str
    key: str
    start: Time
    end: Time
    kind: Literal["surge", "quiet"] = "surge"

    def explains(self, case: Case) -> bool:
        """Whether the alert speaks of this event."""
        alert = case.alert
        meant = self.key in {alert.key, name_of(alert.key)}
        end = alert.ends_at or alert.window.end
        return meant and alert.starts_at < self.end + AFTERMATH and end > self.start


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
class Outcome:
    """What a budget would have come to."""

    budget: Budget
    cases: list[Case]
    found: list[Found]
    days: float

    @property
    def notified(self) -> list[Case]:
        """The alerts of which somebody would have been notified."""
        return [case for case in self.cases if case.notified_at]

    @property
    def false_alarms(self) -> list[Case]:
        """Notified, and no surge explains them; all of them if no events are known."""
        surges = [one.event for one in self.found if one.event.kind == "surge"]
        return [case for case in self.notified if not any(e.explains(case) for e in surges)]

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
            "median_delay_hours": self.median_delay_hours,
        }


def read_events(path: Path) -> list[LabelledEvent]:
    """Read labelled events.

    Raises:
        UserError: the file is missing or a row is wrong.
    """
    return read_records(path, LabelledEvent).items


class Replay:
    """A history, scored once, to be judged under several budgets.

    Raises:
        UserError: no such file, or no record in it.
    """

    def __init__(
        self,
        history: Path,
        classifier: Classifier | None,
        rules: Rules,
        *,
        topics: Sequence[str] = (),
        entities: EntityList | None = None,
        rejected: Path | None = None,
    ) -> None:
        self.store = Store(None)
        self.watch = Watch(
            self.store,
            rules,
            classifier,
            topics=topics,
            entities=entities,
            rejected=rejected,
            retention=None,
        )
        self._entities = entities
        self._topics = topics
        self._classifier = classifier
        record = FeedRecord if classifier else ScoredRecord
        feed, size = open_past(history, record)
        with progress("Reading the past", size) as advance:
            left = size

            def after(step: Step) -> None:
                nonlocal left
                advance(max(0, left - step.batch.backlog))
                left = step.batch.backlog

            self.watch.follow(feed, Flag(), after)
        self.watch.finish()
        if not self.watch.monitor.tally["records"]:
            raise UserError("no record to read", where=str(history))

    @property
    def days(self) -> float:
        """Event time from the first record to the last."""
        row = self.store.rows("SELECT min(published) a, max(published) b FROM stories")[0]
        return float(row["b"] - row["a"]) / 86400

    @property
    def stories(self) -> int:
        """How many were read, copies among them."""
        return int(self.store.rows("SELECT count(*) n FROM stories")[0]["n"])

    def outcome(self, events: Sequence[LabelledEvent]) -> Outcome:
        """Under the rules that the history was read with."""
        return self._outcome(self.watch, events)

    def under(self, budget: Budget, events: Sequence[LabelledEvent]) -> Outcome:
        """The same stories under another budget; nothing is scored again."""
        rules = replace(self.watch.monitor.rules, budget=budget)
        store = Store(None)
        watch = Watch(
            store, rules, None, topics=self._topics, entities=self._entities, retention=None
        )
        try:
            with progress(f"Judging under {budget}", self.stories) as advance:
                watch.replay(_counted(self.store.all_stories(), advance))
            return self._outcome(watch, events)
        finally:
            store.close()

    def _outcome(self, watch: Watch, events: Sequence[LabelledEvent]) -> Outcome:
        found = sorted(cases(watch.store, 10_000), key=lambda case: case.alert.window.end)
        notified = [case for case in found if case.notified_at]
        lateness = timedelta(seconds=watch.monitor.rules.lateness)
        return Outcome(
            watch.monitor.rules.budget,
            sorted(found, key=lambda case: case.alert.starts_at),
            [
                Found(e, next((c for c in notified if e.explains(c)), None), lateness)
                for e in events
            ],
            self.days,
        )


def _counted(stories: Iterable[Signed], advance: Advance) -> Iterator[Signed]:
    for story in stories:
        yield story
        advance()
