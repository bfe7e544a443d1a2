"""Delivery while the store cannot be read: told once, and taken up again soon."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from processes import wait_for
from receiving import a_notification, enqueue_for

from apps.finance_monitor.alerts import delivery as delivering
from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.sinks import FileSink
from apps.finance_monitor.store import Store
from common.webhooks import DeliveryError

OUTAGES = 14


def test_delivery_goes_on_soon_after_however_long_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(delivering, "say", said.append)
    # Doubled without an end, the last pause would be longer than the test waits.
    monkeypatch.setattr(delivering, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(delivering, "LONGEST_WITHOUT_STORE", 0.02)
    store, told = Store(tmp_path / "monitor.sqlite"), tmp_path / "told.jsonl"
    delivery = Delivery(store, [FileSink(told)])
    read, refused = store.rows, list[str]()

    def away(query: str, *values: object) -> Any:
        if "FROM outbox" in query and len(refused) < OUTAGES:
            refused.append(query)
            raise sqlite3.OperationalError("disk I/O error")
        return read(query, *values)

    monkeypatch.setattr(store, "rows", away)
    enqueue_for(store, delivery, a_notification())
    delivery.start()
    wait_for(told.exists)
    delivery.stop()
    (line,) = told.read_text(encoding="utf-8").splitlines()
    assert '"a1"' in line
    assert len(refused) == OUTAGES
    assert len(said) == 1
    assert said[0].endswith("delivery waits for the database: disk I/O error")
    store.close()


def test_a_receiver_that_is_down_is_tried_after_the_seconds_that_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    tried_at: list[float] = []

    class Passing(Event):
        """Time that passes as fast as it is waited for."""

        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return super().wait(None if timeout is None else 0.0)

    class Away:
        name = "away"

        def deliver(self, notification: Notification) -> None:
            tried_at.append(sum(waited))
            raise DeliveryError("it is away")

    monkeypatch.setattr(delivering, "Event", Passing)
    store = Store(tmp_path / "monitor.sqlite")
    delivery = Delivery(store, [Away()])
    enqueue_for(store, delivery, a_notification())
    delivery.start()
    wait_for(lambda: len(tried_at) >= 5)
    delivery.stop()
    assert tried_at[:5] == [0, 1, 3, 7, 15]
    store.close()
