"""What a batch came to is written in one transaction, however long it takes until it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.routing import AlertRouter, without_store
from apps.finance_monitor.feeds.feed import Batch, append_rejected
from apps.finance_monitor.feeds.horizon import Ahead, write_refused
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.ingest import Taken
from apps.finance_monitor.surges.keys import negatives_of
from apps.finance_monitor.watch.monitor import Closed, Late, Monitor
from apps.finance_monitor.watch.pausing import Pause

FORGET_EVERY = 24 * 3600.0


@dataclass(frozen=True)
class Step:
    """What one batch came to: all that is committed together.

    Attributes:
        ahead: records refused for their date; they are among the batch's rejected ones.
    """

    batch: Batch
    taken: list[tuple[int, Taken]]
    changes: list[Change]
    closed: list[Closed]
    late: list[Late]
    ahead: Sequence[Ahead] = ()


class Commits:
    """Writes steps of one watch to its store.

    Args:
        state: all that is known beside what `monitor` and the store hold.
        delivery: None where nobody is notified.
        rejected: the file that broken lines are kept in.
        retention: seconds for which stories and windows are kept; None: all that is read.
    """

    def __init__(
        self,
        store: Store,
        monitor: Monitor,
        router: AlertRouter,
        pause: Pause,
        state: Callable[[], bytes],
        *,
        delivery: Delivery | None,
        rejected: Path | None,
        retention: float | None,
    ) -> None:
        self._store = store
        self._monitor = monitor
        self._router = router
        self._pause = pause
        self._state = state
        self._delivery = delivery
        self._rejected = rejected
        self._retention = retention
        self._forgotten_until = 0.0
        self._unwritable: tuple[type[Exception], ...] = (*store.trouble, OSError)

    def write(self, step: Step, stopping: Event | None = None) -> list[Notification]:
        """Write it, waiting until it can be written; alerts are delivered even then."""
        notifications: list[Notification] | None = None
        rejected = list(step.batch.rejected)
        while True:
            try:
                if self._rejected and rejected:
                    append_rejected(self._rejected, rejected)
                    rejected.clear()
                if notifications is None or not self._is_written():
                    notifications = self._write(step)
                break
            except self._unwritable as error:
                if notifications is None:
                    notifications = without_store(step.changes)
                    if self._delivery:
                        self._delivery.notify_now(notifications, self._router.subscribers)
                self._pause.wait(error, stopping)
        self._pause.over()
        if notifications and self._delivery:
            self._delivery.wake()
        # The step is written, and must not be again; what is old can wait for the next.
        with suppress(*self._store.trouble):
            self._forget()
        return notifications

    def _is_written(self) -> bool:
        """Whether a commit of which no answer came was one: the connection may go in between."""
        return self._store.read_state("monitor") == self._state()

    def _write(self, step: Step) -> list[Notification]:
        with self._store.transaction() as database:
            self._store.add_stories(
                ((number, one.story, one.signature) for number, one in step.taken),
                (
                    (key, one.story.published_at.timestamp(), number, probability)
                    for number, one in step.taken
                    for key, probability in negatives_of(one.story)
                ),
            )
            self._store.add_texts(
                (one.text_key, one.story) for _, one in step.taken if one.text_key
            )
            self._store.add_windows(step.closed, step.late)
            write_refused(database, step.ahead)
            notifications = self._router.write(database, step.changes)
            if step.closed:
                for name, detector in self._monitor.detectors.items():
                    self._store.write_state(name, detector.to_bytes())
            self._store.write_state("monitor", self._state())
            if step.batch.position:
                position = step.batch.position.model_dump_json()
                self._store.write_state("position", position.encode())
        return notifications

    def _forget(self) -> None:
        now = self._monitor.clock.now
        if self._retention is None or self._monitor.clock.is_alone:
            return
        if now and now - self._forgotten_until > FORGET_EVERY:
            self._store.forget_before(now - self._retention)
            self._forgotten_until = now
