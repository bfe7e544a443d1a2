"""Which changes of alerts lead to notifications, and with which evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from apps.finance_monitor.alerts.delivery import enqueue, notified
from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.operations import silences
from apps.finance_monitor.exposure.relations import Exposures
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.state.backend import Backend
from apps.finance_monitor.store import Store
from apps.finance_monitor.storylines.lines import StoryLine
from apps.finance_monitor.storylines.reading import negative_lines
from apps.finance_monitor.surges.alert import Alert, Evidence, Exposure
from apps.finance_monitor.surges.keys import COMPANY, breadth, kind_of, name_of
from apps.finance_monitor.watchlists.audience import Subscribers
from common.records.text import words

EVIDENCE_SHOWN = 5
# Half of an alert's stories concern another one that fires: that one may explain it.
EXPLAINS_FROM = 0.5


class AlertRouter:
    """Writes changes of alerts to the store, and their notifications to its outbox.

    Args:
        subscribers: who receives what.
        negative_words: finds the words that made a text negative, given the companies that it
            names, for one of these or, with None, as a whole.
        exposures: who else is concerned; None where that is not known.
    """

    def __init__(
        self,
        store: Store,
        subscribers: Subscribers,
        negative_words: Callable[[str, tuple[str, ...], str | None], Sequence[str]],
        exposures: Exposures | None = None,
    ) -> None:
        self._store = store
        self.subscribers = subscribers
        self._exposures = exposures
        self._words = lru_cache(1024)(negative_words)

    def use(self, subscribers: Subscribers, exposures: Exposures | None) -> None:
        """Go by these from the next change on."""
        self.subscribers, self._exposures = subscribers, exposures

    def write(self, database: Backend, changes: Sequence[Change]) -> list[Notification]:
        """Keep the changes and their notifications, within the caller's transaction."""
        notifications = []
        muting = silences(self._store)
        # The narrowest first: it may explain the wider ones.
        for change in sorted(changes, key=lambda c: (c.alert.window.end, breadth(c.alert.key))):
            alert = self._with_evidence(change)
            muted_by = self._explanation(change)
            self._store.write_alert(alert, muted_by)
            row = database.execute(
                "SELECT notified_at, closed_at FROM alerts WHERE alert_id = ?", (alert.alert_id,)
            ).fetchone()
            silent = row["closed_at"] or any(s.covers(alert.key) for s in muting)
            receivers = self.subscribers.of(alert, muted_by)
            if alert.status == "resolved":
                silent = not row["notified_at"] or row["closed_at"]
                told = notified(database, alert.alert_id)
                # Of what they never heard of, nobody is told the end.
                receivers = {n: told[n] for n in told if n in self.subscribers.names}
            is_for_somebody = receivers or (alert.general and not muted_by)
            if _is_notified(change) and is_for_somebody and not silent:
                notification = Notification(alerts=[alert], first=row["notified_at"] is None)
                notifications.append(notification)
                enqueue(database, receivers, notification)
                database.execute(
                    "UPDATE alerts SET notified_at = coalesce(notified_at, ?) WHERE alert_id = ?",
                    (datetime.now(UTC).isoformat(), alert.alert_id),
                )
        return notifications

    def _explanation(self, change: Change) -> str | None:
        """The key of another alert that says the same better.

        That is a narrower one which at least half of the stories concern; or a wider one that
        this is part of, if nothing narrower explains that.
        """
        key = change.alert.key
        for other in sorted(change.open, key=breadth):
            if breadth(other) == breadth(key):
                continue
            if self._explains(other, key, change) and (
                breadth(other) < breadth(key) or not self._is_explained(other, change)
            ):
                return other
        return None

    def _is_explained(self, wide: str, change: Change) -> bool:
        narrower = (key for key in change.open if breadth(key) < breadth(wide))
        return any(self._explains(key, wide, change) for key in narrower)

    def _explains(self, other: str, key: str, change: Change) -> bool:
        """Whether at least half of the stories on `key` concern `other` too."""
        window = change.alert.window
        share = self._store.share_of(
            key, other, window.start.timestamp(), window.end.timestamp(), change.sequence
        )
        return share >= EXPLAINS_FROM

    def _with_evidence(self, change: Change) -> Alert:
        alert = change.alert
        lines = negative_lines(
            self._store,
            alert.key,
            alert.window.start.timestamp(),
            (alert.ends_at or alert.window.end).timestamp(),
            change.sequence,
            EVIDENCE_SHOWN,
        )
        return alert.model_copy(
            update={
                "evidence": [self._evidence(line, alert.key) for line in lines],
                "exposed": self._exposed(alert),
                "release_id": lines[0].first.release_id if lines else None,
            }
        )

    def _exposed(self, alert: Alert) -> list[Exposure]:
        """By the relations that held then, in event time."""
        if self._exposures is None or kind_of(alert.key) != COMPANY:
            return []
        return self._exposures.of(name_of(alert.key), alert.window.end)

    def _evidence(self, line: StoryLine, key: str) -> Evidence:
        stories, first = line.stories, line.first
        company = name_of(key) if kind_of(key) == COMPANY else None
        words = self._words(first.content, tuple(first.entities), company)
        negative = line.negative_on(key)
        return Evidence(
            id=first.id,
            published_at=first.published_at,
            headline=first.headline,
            source=first.source,
            url=first.url,
            negative=None if negative is None else round(negative, 2),
            outlets=len(stories),
            sources=line.sources,
            last_at=stories[-1].published_at,
            spread=line.spread,
            otherwise=line.told_otherwise,
            words=[word for word in words if not _names(first, word)],
        )


def without_store(changes: Sequence[Change]) -> list[Notification]:
    """Notifications while nothing can be written or looked up.

    An end waits: who heard of the alert stands in the store.
    """
    return [
        Notification(alerts=[one.alert], first=one.event == "firing")
        for one in changes
        if one.event != "resolved" and _is_notified(one) and _is_narrowest(one)
    ]


def _is_notified(change: Change) -> bool:
    return change.event != "pending" and change.alert.fired_at is not None


def _is_narrowest(change: Change) -> bool:
    """Whether no narrower alert is open: all that can be said without reading the stories."""
    return not any(breadth(key) < breadth(change.alert.key) for key in change.open)


def _names(story: ScoredRecord, word: str) -> bool:
    """Whether a word is of a company's name: that is no reason."""
    return any(word in words(name) for name in story.entities)
