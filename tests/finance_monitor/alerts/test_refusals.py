"""A receiver that never takes one notification: it is set aside, shown, and holds up nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run_here
from processes import wait_for
from prometheus_client import CollectorRegistry, generate_latest
from receiving import Receiver, a_notification, enqueue_for, receiving

from apps.finance_monitor.alerts import operations
from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.sinks import WebhookSink
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.metrics import WatchMetrics
from apps.finance_monitor.watch.monitor import Rules

QUICK = 0.02


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        server.refusal = (b'"alert_id": "a1"', 400)
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(store_path(tmp_path / "finance_monitor"))
    yield opened
    opened.close()


def _delivery(store: Store, receiver: Receiver, *identities: str) -> Delivery:
    delivery = Delivery(store, [WebhookSink(receiver.url)], first_pause=QUICK)
    for identity in identities:
        enqueue_for(store, delivery, a_notification(identity))
    delivery.start()
    return delivery


def _got(receiver: Receiver) -> list[str]:
    return [json.loads(body)["alerts"][0]["annotations"]["alert_id"] for _, body in receiver.got]


def test_what_is_refused_is_set_aside_and_the_next_are_delivered(
    store: Store, receiver: Receiver
) -> None:
    delivery = _delivery(store, receiver, "a0", "a1", "a2", "a3")
    wait_for(lambda: len(receiver.got) == 3)
    delivery.stop()
    assert _got(receiver) == ["a0", "a2", "a3"]
    assert receiver.attempts == 3 + 3
    (row,) = store.rows("SELECT attempts, error FROM outbox WHERE delivered_at IS NULL")
    assert (row["attempts"], row["error"]) == (3, "HTTP 400")


def test_it_is_shown_wherever_one_looks(
    store: Store, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = _delivery(store, receiver, "a1")
    (name,) = delivery.sinks
    wait_for(lambda: delivery.set_aside[name] == 1)
    delivery.stop()
    assert "given up after 3 refusals (HTTP 400)" in " ".join(capsys.readouterr().err.split())
    (one,) = operations.set_aside(store)
    assert (one.sink, one.error, one.alert_ids) == (name, "HTTP 400", ["a1"])
    registry = CollectorRegistry()
    watch = Watch(store, Rules(parse_budget("1 per 30d")), None, delivery=delivery)
    registry.register(WatchMetrics(watch.counters))
    shown = f'bizlm_monitor_set_aside_total{{sink="{name}"}} 1.0'
    assert shown in generate_latest(registry).decode()
    listed = run_here("finance_monitor", "alerts", "list", "--store", tmp_path)
    assert "HTTP 400" in listed.stderr
    assert "Negative news on Alba" in listed.stderr
    told = run_here("finance_monitor", "alerts", "list", "--json", "--store", tmp_path)
    assert json.loads(told.stdout)["set_aside"][0]["alert_ids"] == ["a1"]


def test_it_stays_set_aside_and_counted_after_a_restart(store: Store, receiver: Receiver) -> None:
    first = _delivery(store, receiver, "a1")
    wait_for(lambda: list(first.set_aside.values()) == [1])
    first.stop()
    receiver.refusal = None
    second = _delivery(store, receiver, "a2")
    second.wake()
    wait_for(lambda: bool(receiver.got))
    second.stop()
    assert _got(receiver) == ["a2"]
    assert list(second.set_aside.values()) == [1]


@pytest.mark.parametrize("status", [500, 503, 408, 425, 429, 401, 404])
def test_what_may_pass_keeps_its_place(store: Store, receiver: Receiver, status: int) -> None:
    receiver.refusal = (b'"alert_id": "a1"', status)
    delivery = _delivery(store, receiver, "a1", "a2")
    wait_for(lambda: receiver.attempts >= 5)
    assert not receiver.got
    receiver.refusal = None
    wait_for(lambda: len(receiver.got) == 2)
    delivery.stop()
    assert _got(receiver) == ["a1", "a2"]
    assert not operations.set_aside(store)


def test_less_than_three_refusals_are_not_the_end(store: Store, receiver: Receiver) -> None:
    receiver.refusal, receiver.first = None, [400, 503, 503, 400]
    delivery = _delivery(store, receiver, "a1", "a2")
    wait_for(lambda: len(receiver.got) == 2)
    delivery.stop()
    assert _got(receiver) == ["a1", "a2"]
    assert not operations.set_aside(store)
