"""From the outbox to the sinks: each at its own pace, each notification once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic

from apps.finance_monitor.alerts.notifications import Notification, headline
from apps.finance_monitor.alerts.operations import silences
from apps.finance_monitor.alerts.sinks import Sink
from apps.finance_monitor.state.backend import Backend, DeposedError, Row
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.watchlists.audience import Subscribers
from common.console import say
from common.webhooks import DeliveryError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
# A database that is back is found soon: what waits in it is an alert.
LONGEST_WITHOUT_STORE = 10.0
ESCALATION_CHECK = 15.0
# A notification that was refused so often is set aside.
REFUSALS = 3


class Delivery:
    """Threads, one a sink, that empty the outbox of a store.

    A process that dies between delivery and noting it delivers again after its start, with the same
    idempotency key. What a receiver refuses time and again is set aside, so that it holds up
    nothing; what fails for another reason keeps its place.

    Args:
        escalate_after: notify again if nobody acknowledges an alert for so long.
        first_pause: seconds after the first failure; doubled after each further one.
    """

    def __init__(
        self,
        store: Store,
        sinks: Sequence[Sink],
        *,
        escalate_after: timedelta | None = None,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._store = store
        self._sinks = sinks
        self._used = [sink.name for sink in sinks]
        self._escalate_after = escalate_after
        self._first_pause = first_pause
        self._stopping = Event()
        self._wake: dict[str, Event] = {}
        # Delivered while the disk was full, so that the outbox does not know.
        self._headlines: set[tuple[str, str]] = set()
        # One at a time: what is delivered at once and what waits in the outbox may be the same.
        self._router: dict[str, Lock] = {}
        self.failures: dict[str, int] = {}
        self.delivered: dict[str, int] = {}
        # By number in the outbox; a restart begins to count anew.
        self._refusals: Counter[int] = Counter()
        self.set_aside: dict[str, int] = {}
        self._threads = [self._open(sink) for sink in sinks]
        if escalate_after:
            self._threads.append(Thread(target=self._escalate, daemon=True))

    @property
    def sinks(self) -> list[str]:
        """The names of those that are used."""
        return self._used

    def start(self) -> None:
        """Begin with what waits since the last run."""
        for thread in self._threads:
            thread.start()

    def use(self, sinks: Sequence[Sink]) -> None:
        """Go by these, once started; those that it knows are left as they are.

        What still waits for others is delivered, but they get no escalation.
        """
        self._used = [sink.name for sink in sinks]
        new = [sink for sink in sinks if sink.name not in self._wake]
        self._sinks = [*self._sinks, *new]
        for thread in [self._open(sink) for sink in new]:
            self._threads.append(thread)
            thread.start()

    def _open(self, sink: Sink) -> Thread:
        self._wake = self._wake | {sink.name: Event()}
        self._router[sink.name] = Lock()
        self.failures[sink.name] = self.delivered[sink.name] = 0
        self.set_aside[sink.name] = self._count_set_aside(sink.name)
        return Thread(target=self._work, args=(sink,), daemon=True)

    def wake(self) -> None:
        """There is something new in the outbox."""
        for event in self._wake.values():
            event.set()

    def stop(self, patience: float = 5.0) -> None:
        """Try for `patience` seconds to deliver what waits; the rest waits on disk."""
        deadline = monotonic() + patience
        with suppress(DeposedError, *self._store.trouble):
            while monotonic() < deadline and self._waiting():
                self.wake()
                self._stopping.wait(0.05)
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def notify_now(self, notifications: Sequence[Notification], subscribers: Subscribers) -> None:
        """Deliver without the outbox, when nothing can be written."""
        for notification in notifications:
            names = {name for alert in notification.alerts for name in subscribers.of(alert)}
            for sink in self._sinks:
                if sink.name not in names:
                    continue
                Thread(target=self._tell, args=(sink, notification), daemon=True).start()

    def _waiting(self) -> bool:
        return any(not self.failures[name] and self._due(name) for name in self._wake)

    def _due(self, name: str) -> list[Row]:
        return self._store.rows(
            "SELECT number, body FROM outbox WHERE sink = ? AND delivered_at IS NULL"
            " AND error IS NULL ORDER BY number LIMIT 50",
            name,
        )

    def _count_set_aside(self, name: str) -> int:
        query = "SELECT COUNT(*) AS refused FROM outbox WHERE sink = ? AND error IS NOT NULL"
        return int(self._store.rows(query, name)[0]["refused"])

    def _work(self, sink: Sink) -> None:
        pause, is_away = 0.0, False
        while not self._stopping.is_set():
            # News does not cut a pause short: the receiver is given its time all the same.
            if not pause:
                self._wake[sink.name].wait()
            elif self._stopping.wait(pause):
                return
            self._wake[sink.name].clear()
            try:
                pause = self._empty(sink, pause)
                is_away = False
            except DeposedError:
                # Who watches now delivers it.
                return
            except self._store.trouble as error:
                if not is_away:
                    say(f"{sink.name}: delivery waits for the database: {error}")
                is_away = True
                pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_WITHOUT_STORE)

    def _empty(self, sink: Sink, pause: float) -> float:
        """Deliver all that waits; returns after how many seconds to try again, 0 for none."""
        while due := self._due(sink.name):
            for row in due:
                number, notification = row["number"], Notification.model_validate_json(row["body"])
                error = self._tell(sink, notification)
                if error is None:
                    self._note_delivered(number)
                elif self._is_final(number, error):
                    self._put_aside(sink, number, notification, error)
                    pause = 0.0
                else:
                    self._note_failure(number)
                    wait = error.retry_after or max(2 * pause, self._first_pause)
                    return min(wait, LONGEST_PAUSE)
            if self._stopping.is_set():
                break
        return 0.0

    def _is_final(self, number: int, error: DeliveryError) -> bool:
        if error.is_refusal:
            self._refusals[number] += 1
        return error.is_refusal and self._refusals[number] >= REFUSALS

    def _put_aside(
        self, sink: Sink, number: int, notification: Notification, error: DeliveryError
    ) -> None:
        self._note_failure(number, str(error))
        del self._refusals[number]
        self.set_aside[sink.name] += 1
        headlines = "; ".join(headline(alert) for alert in notification.alerts)
        say(f"{sink.name}: given up after {REFUSALS} refusals ({error}): {headlines}")

    def _tell(self, sink: Sink, notification: Notification) -> DeliveryError | None:
        """None: it is delivered."""
        key = (sink.name, notification.idempotency_key)
        with self._router[sink.name]:
            if key in self._headlines:
                return None
            try:
                sink.deliver(notification)
            except Exception as error:
                # Whatever a receiver's client raises, its thread must live.
                if not self.failures[sink.name]:
                    say(f"{sink.name}: not delivered; retrying: {error}")
                self.failures[sink.name] += 1
                return error if isinstance(error, DeliveryError) else DeliveryError(str(error))
            self._headlines.add(key)
            self.delivered[sink.name] += 1
            self.failures[sink.name] = 0
        return None

    def _note_delivered(self, number: int) -> None:
        with self._store.transaction() as database:
            database.execute(
                "UPDATE outbox SET delivered_at = ?, error = NULL WHERE number = ?",
                (_now().isoformat(), number),
            )

    def _note_failure(self, number: int, final_error: str | None = None) -> None:
        """Count an attempt; with a final error it is set aside."""
        with self._store.transaction() as database:
            database.execute(
                "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE number = ?",
                (final_error, number),
            )

    def _escalate(self) -> None:
        assert self._escalate_after
        pause = min(ESCALATION_CHECK, self._escalate_after.total_seconds() / 2)
        while not self._stopping.wait(pause):
            # What cannot be read or written now is escalated later, here or by another process.
            with suppress(DeposedError, *self._store.trouble):
                if escalate(self._store, self.sinks, _now() - self._escalate_after):
                    self.wake()


def escalate(store: Store, sinks: Sequence[str], before: datetime) -> int:
    """Notify once more of what fires, was reported before that time, and nobody has acknowledged.

    Returns:
        Of how many alerts; silenced ones wait.
    """
    muting = silences(store)
    count = 0
    with store.transaction() as database:
        rows = database.execute(
            "SELECT alert_id, content FROM alerts WHERE status = 'firing' AND notified_at < ?"
            " AND acknowledged_at IS NULL AND closed_at IS NULL AND escalated_at IS NULL",
            (before.isoformat(),),
        ).fetchall()
        for row in rows:
            alert = Alert.model_validate_json(row["content"])
            if any(silence.covers(alert.key) for silence in muting):
                continue
            told = notified(database, row["alert_id"], refused=True)
            if not told:
                # It concerned no receiver, and was shown alone.
                continue
            count += 1
            # Where those who were notified are receivers no more, the others are.
            still = {sink: told[sink] for sink in sinks if sink in told}
            receivers = still or dict.fromkeys(sinks, "")
            enqueue(database, receivers, Notification(alerts=[alert], escalated=True))
            database.execute(
                "UPDATE alerts SET escalated_at = ? WHERE alert_id = ?",
                (_now().isoformat(), row["alert_id"]),
            )
    return count


def enqueue(database: Backend, receivers: Mapping[str, str], notification: Notification) -> None:
    """Put it in the outbox of every receiver; within the caller's transaction.

    Args:
        receivers: by sink, the companies by which alone it concerns them; empty: directly.
    """
    bodies = {mark: notification.marked(mark) for mark in set(receivers.values())}
    key = notification.idempotency_key
    database.executemany(
        "INSERT INTO outbox (idempotency_key, sink, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(key, sink, bodies[mark].model_dump_json()) for sink, mark in receivers.items()],
    )


def notified(database: Backend, alert_id: str, *, refused: bool = False) -> dict[str, str]:
    """The receivers that were notified of an alert, or are about to be, as of `enqueue`.

    Args:
        refused: also those that refused all of it.
    """
    rows = database.execute(
        "SELECT sink, body FROM outbox WHERE body LIKE ? AND (error IS NULL OR ?)"
        " ORDER BY sink, number",
        (f"%{alert_id}%", refused),
    )
    told = ((row["sink"], Notification.model_validate_json(row["body"])) for row in rows)
    return {sink: notification.alerts[0].indirect for sink, notification in told}


def _now() -> datetime:
    return datetime.now(UTC)
