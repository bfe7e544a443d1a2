"""The past again, by event time and as fast as it goes: what would have fired, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.operations import Case, cases
from apps.finance_monitor.exposure.relations import Exposures
from apps.finance_monitor.feeds.opening import open_past
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Signed, Store
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.keys import name_of
from apps.finance_monitor.watch.committing import Step
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watchlists.audience import Subscribers
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.console import Advance, progress, say
from common.errors import UserError
from common.records.fields import Time
from common.records.reader import read_records

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

# Who receives all alerts.
ALL = "*"
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
        exposures: Exposures | None = None,
        rejected: Path | None = None,
    ) -> None:
        self.store = Store(None)
        lists = [one.name for one in rules.watchlists]
        self._open = partial(
            Watch,
            topics=topics,
            entities=entities,
            exposures=exposures,
            # Nothing is delivered; the outbox says who would have been notified.
            subscribers=Subscribers(
                [ALL], rules.watchlists, {name: [_receiver(name)] for name in lists}
            ),
            retention=None,
        )
        self.watch = self._open(self.store, rules, classifier, rejected=rejected)
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
        _tell_left_out(self.watch.monitor.tally, history)

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
        watch = self._open(store, rules, None)
        try:
            with progress(f"Judging under {budget}", self.stories) as advance:
                watch.replay(_counted(self.store.all_stories(), advance))
            return self._outcome(watch, events)
        finally:
            store.close()

    def _outcome(self, watch: Watch, events: Sequence[LabelledEvent]) -> Outcome:
        found = sorted(cases(watch.store, 10_000), key=lambda case: case.alert.window.end)
        told = _told(watch.store)
        notified = [case for case in found if case.alert.alert_id in told.get(ALL, {})]
        rules = watch.monitor.rules
        lateness = timedelta(seconds=rules.lateness)
        return Outcome(
            rules.budget,
            _by_start(found),
            _by_start(notified),
            [
                Found(e, next((c for c in notified if e.explains(c)), None), lateness)
                for e in events
            ],
            self.days,
            [
                _heard(one, found, told.get(_receiver(one.name), {}), events)
                for one in rules.watchlists
            ],
        )


def _tell_left_out(tally: Counter[str], history: Path) -> None:
    """Say what counted for no alert; order and format of a file are soon mistaken.

    Raises:
        UserError: all of it.
    """
    if not tally["records"]:
        raise UserError("no record to read", where=str(history))
    if rejected := tally["rejected"]:
        say(f"{history}: {rejected:,} rows are no records, and were left out.")
    if late := tally["late"]:
        told = f"{late:,} of {tally['records']:,} stories came after their windows had closed"
        say(f"{history}: {told}, and counted for no alert: sort by published_at.")


def _heard(
    one: Watchlist, found: Sequence[Case], told: Mapping[str, str], events: Sequence[LabelledEvent]
) -> Heard:
    notified = _by_start([case for case in found if case.alert.alert_id in told])
    indirect = [case for case in notified if told[case.alert.alert_id]]
    direct = [case for case in notified if not told[case.alert.alert_id]]
    return Heard(one.name, one.false_alarms, notified, indirect, unexplained(direct, events))


def _told(store: Store) -> dict[str, dict[str, str]]:
    """By receiver, the ids of its alerts, and by which companies where it is indirect."""
    told: dict[str, dict[str, str]] = {}
    for row in store.rows("SELECT sink, body FROM outbox ORDER BY number"):
        for alert in Notification.model_validate_json(row["body"]).alerts:
            told.setdefault(row["sink"], {})[alert.alert_id] = alert.indirect
    return told


def _by_start(found: Sequence[Case]) -> list[Case]:
    return sorted(found, key=lambda case: case.alert.starts_at)


def _receiver(watchlist: str) -> str:
    return f"watchlist/{watchlist}"


def _counted(stories: Iterable[Signed], advance: Advance) -> Iterator[Signed]:
    for story in stories:
        yield story
        advance()
