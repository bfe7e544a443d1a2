"""The past again, by event time and as fast as it goes: what would have fired, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.operations import Case, cases
from apps.finance_monitor.backtest.outcome import (
    Found,
    Heard,
    LabelledEvent,
    Outcome,
    unexplained,
)
from apps.finance_monitor.exposure.relations import Exposures
from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.opening import open_past
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Signed, Store
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.watch.committing import Step
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watch.scale import LONGEST_SILENCE
from apps.finance_monitor.watchlists.audience import Subscribers
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.console import Advance, progress, say
from common.errors import UserError

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

# Who receives all alerts.
ALL = "*"


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
            refused: list[Rejected] = []

            def after(step: Step) -> None:
                nonlocal left
                refused.extend(step.batch.rejected[: 1 - len(refused)])
                advance(max(0, left - step.batch.backlog))
                left = step.batch.backlog

            self.watch.follow(feed, Flag(), after)
        self.watch.finish()
        _tell_left_out(self.watch.monitor.tally, history, refused)

    @property
    def days(self) -> float:
        """Event time from the first record to the last, without silences that are left out."""
        (row,) = self.store.rows(
            "SELECT coalesce(sum(gap), 0) AS heard FROM (SELECT published"
            " - lag(published) OVER (ORDER BY published) AS gap FROM stories) WHERE gap <= ?",
            LONGEST_SILENCE,
        )
        return float(row["heard"]) / 86400

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


def _tell_left_out(tally: Counter[str], history: Path, refused: Sequence[Rejected]) -> None:
    """Say what counted for no alert; order and format of a file are soon mistaken.

    Raises:
        UserError: all of it.
    """
    if not tally["records"]:
        why = "".join(f"{one.place}: {one.reason}" for one in refused)
        raise UserError("no record to read", where=str(history), hint=why)
    if rejected := tally["rejected"]:
        why = "".join(f" ({one.place}: {one.reason} …)" for one in refused)
        say(f"{history}: {rejected:,} rows are no records{why}, and were left out.")
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
