"""Sinks and their delivery, against real receivers that fail and recover."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import run_here
from news import at
from processes import wait_for
from receiving import Receiver, a_notification, an_alert, enqueue_for, receiving

from apps.finance_monitor.alerts import operations
from apps.finance_monitor.alerts.delivery import Delivery, enqueue, escalate
from apps.finance_monitor.alerts.life import Change
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.routing import AlertRouter, without_store
from apps.finance_monitor.alerts.sinks import (
    ConsoleSink,
    FileSink,
    WebhookSink,
    open_sink,
)
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.watchlists.audience import Subscribers
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.errors import UserError
from common.webhooks import DeliveryError


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "monitor.sqlite")
    yield opened
    opened.close()


def test_the_webhook_speaks_alertmanagers_language_and_is_signed(receiver: Receiver) -> None:
    WebhookSink(receiver.url, secret="s3cret").deliver(a_notification())
    headers, body = receiver.got[0]
    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["x-signature-256"] == f"sha256={digest}"
    assert headers["idempotency-key"] == a_notification().idempotency_key
    told = json.loads(body)
    assert (told["version"], told["status"]) == ("4", "firing")
    (alert,) = told["alerts"]
    assert alert["labels"]["severity"] == "warning"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert "Alba collapses (3 reports)" in alert["annotations"]["description"]


# What Alertmanager sends, by its own field names.
BODY = {
    "version", "groupKey", "truncatedAlerts", "notification_reason", "receiver", "status", "alerts",
    "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
}  # fmt: skip
ALERT = {
    "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint",
}  # fmt: skip


def test_one_alerts_whole_life_is_one_group_to_its_receiver(
    store: Store, receiver: Receiver
) -> None:
    delivery = Delivery(store, [WebhookSink(receiver.url)])
    evidence = AlertRouter(store, Subscribers(delivery.sinks), lambda *_: [])
    firing = an_alert()
    worse = firing.model_copy(update={"severity": "critical", "observed": 40})
    ended = an_alert(status="resolved").model_copy(update={"severity": "critical"})
    other = an_alert("b1", key="topic/credit").model_copy(update={"fingerprint": "f2"})
    delivery.start()
    for event, alerts in (
        ("firing", [firing, other]),
        ("severity", [worse]),
        (None, []),
        ("resolved", [ended]),
    ):
        if event is None:
            assert escalate(store, delivery.sinks, datetime.now(UTC)) == 2
        else:
            with store.transaction() as database:
                evidence.write(database, [Change(event, a, 0, (a.key,)) for a in alerts])
        delivery.wake()
    wait_for(lambda: len(receiver.got) == 6)
    delivery.stop()
    bodies = [json.loads(body) for _, body in receiver.got]
    life = [body for body in bodies if body["groupLabels"]["key"] == firing.key]
    assert [body["notification_reason"] for body in life] == [
        "first notification",
        "new alerts added",
        "repeat interval elapsed",
        "all alerts resolved",
    ]
    assert [body["status"] for body in life] == ["firing", "firing", "firing", "resolved"]
    assert {body["groupKey"] for body in life} == {
        '{}:{alertname="negative_surge", key="company/Alba"}'
    }
    assert {alert["fingerprint"] for body in life for alert in body["alerts"]} == {"f1"}
    assert {alert["startsAt"] for body in life for alert in body["alerts"]} == {
        firing.starts_at.isoformat()
    }
    for body in bodies:
        assert body.keys() == BODY
        (alert,) = body["alerts"]
        assert alert.keys() == ALERT
        assert body["commonLabels"] == alert["labels"]
        assert body["commonAnnotations"] == alert["annotations"]
        assert all(isinstance(value, str) for value in body["commonAnnotations"].values())
        assert body["groupLabels"].items() <= body["commonLabels"].items()
    assert len({headers["idempotency-key"] for headers, _ in receiver.got}) == 6
    assert life[3]["alerts"][0]["endsAt"] == ended.ends_at.isoformat()
    assert {body["groupKey"] for body in bodies} - {life[0]["groupKey"]} == {
        '{}:{alertname="negative_surge", key="topic/credit"}'
    }


def test_the_same_news_has_the_same_key_and_other_news_another() -> None:
    assert a_notification().idempotency_key == a_notification().idempotency_key
    assert a_notification().idempotency_key != a_notification(status="resolved").idempotency_key


def test_a_receiver_that_is_down_gets_it_once_when_it_is_back(
    store: Store, receiver: Receiver
) -> None:
    receiver.down = True
    delivery = Delivery(store, [WebhookSink(receiver.url)], first_pause=0.05)
    delivery.start()
    enqueue_for(store, delivery, a_notification("a1"))
    enqueue_for(store, delivery, a_notification("a2"))
    wait_for(lambda: receiver.attempts >= 2)
    receiver.down = False
    wait_for(lambda: len(receiver.got) == 2)
    delivery.stop()
    ids = [json.loads(body)["alerts"][0]["annotations"]["alert_id"] for _, body in receiver.got]
    assert ids == ["a1", "a2"]
    assert not store.rows("SELECT 1 FROM outbox WHERE delivered_at IS NULL")


def test_a_sink_that_is_down_delays_no_other(
    store: Store, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "alerts.jsonl"
    nobody = WebhookSink("http://127.0.0.1:9/hook")
    delivery = Delivery(store, [nobody, FileSink(path)], first_pause=30)
    delivery.start()
    enqueue_for(store, delivery, a_notification())
    wait_for(path.exists)
    wait_for(lambda: bool(path.read_text()))
    wait_for(lambda: delivery.failures[nobody.name] > 0)
    delivery.stop(patience=0.1)
    waiting = store.rows("SELECT sink, attempts FROM outbox WHERE delivered_at IS NULL")
    assert [(row["sink"], row["attempts"]) for row in waiting] == [(nobody.name, 1)]


def test_what_waits_on_disk_is_told_after_a_restart(store: Store, receiver: Receiver) -> None:
    receiver.down = True
    first = Delivery(store, [WebhookSink(receiver.url)], first_pause=30)
    first.start()
    enqueue_for(store, first, a_notification())
    wait_for(lambda: receiver.attempts == 1)
    first.stop(patience=0.1)
    receiver.down = False
    second = Delivery(store, [WebhookSink(receiver.url)])
    second.start()
    second.wake()
    wait_for(lambda: len(receiver.got) == 1)
    second.stop()


def test_the_file_is_not_written_twice_and_a_torn_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    FileSink(path).deliver(a_notification("a1"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"idempotency_key": "to')
    again = FileSink(path)
    again.deliver(a_notification("a1"))
    again.deliver(a_notification("a2"))
    assert [json.loads(line)["alert_id"] for line in path.read_text().splitlines()] == ["a1", "a2"]


def test_what_stands_in_a_file_already_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"id": "of somebody else"}\nno JSON, and no end', encoding="utf-8")
    FileSink(path).deliver(a_notification("a1"))
    FileSink(path).deliver(a_notification("a1"))
    *before, ours = path.read_text(encoding="utf-8").splitlines()
    assert before == ['{"id": "of somebody else"}', "no JSON, and no end"]
    assert json.loads(ours)["alert_id"] == "a1"


def test_a_file_that_cannot_be_read_at_first_is_not_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alerts.jsonl"
    FileSink(path).deliver(a_notification("a1"))
    sink, read = FileSink(path), Path.read_bytes

    def fails_once(one: Path) -> bytes:
        monkeypatch.setattr(Path, "read_bytes", read)
        raise OSError("Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fails_once)
    with pytest.raises(DeliveryError):
        sink.deliver(a_notification("a1"))
    sink.deliver(a_notification("a1"))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1


def test_a_file_that_cannot_be_written_gets_it_once_it_can(store: Store, tmp_path: Path) -> None:
    blocked = tmp_path / "alerts"
    blocked.write_text("a file where the folder should be")
    path = blocked / "told.jsonl"
    delivery = Delivery(store, [FileSink(path)], first_pause=0.05)
    delivery.start()
    enqueue_for(store, delivery, a_notification())
    wait_for(lambda: delivery.failures[f"jsonl:{path}"] > 1)
    blocked.unlink()
    wait_for(lambda: path.exists() and len(path.read_text().splitlines()) == 1)
    delivery.stop()


def test_the_console_tells_what_and_the_stories_behind_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ConsoleSink().deliver(a_notification())
    told = capsys.readouterr().err
    assert "Negative news on Alba: 12 stories (usually 1.5)" in told
    assert "Alba collapses (3 reports)" in told


def test_apprise_reaches_a_receiver_and_says_when_it_does_not(receiver: Receiver) -> None:
    sink = open_sink(receiver.url.replace("http://", "json://"))
    sink.deliver(a_notification())
    told = json.loads(receiver.got[0][1])
    assert "Negative news on Alba" in told["title"]
    receiver.down = True
    with pytest.raises(DeliveryError):
        sink.deliver(a_notification())
    receiver.down = False
    sink.deliver(a_notification())
    assert len(receiver.got) == 2
    assert "hook" not in sink.name


def test_apprise_follows_no_redirect_and_asks_this_machine_only_if_it_may(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(receiver.url.replace("http://", "json://"))
    receiver.moved_to = "/elsewhere"
    with pytest.raises(DeliveryError):
        sink.deliver(a_notification())
    assert receiver.attempts == 1
    assert not receiver.asked
    receiver.moved_to = None
    monkeypatch.delenv("BIZLM_ALLOW_ADDRESS")
    with pytest.raises(DeliveryError, match="--allow-address"):
        sink.deliver(a_notification())
    assert receiver.attempts == 1
    with pytest.raises(UserError, match="this machine") as error:
        open_sink("http://user:pass@localhost/T0KEN")
    assert "T0KEN" not in str(error.value)
    for address in ("json://user:pass@127.0.0.1/T0KEN", "jsons://[::1]", "mailto://u:p@localhost"):
        with pytest.raises(UserError, match="this machine") as error:
            open_sink(address)
        assert "T0KEN" not in str(error.value)


def test_apprise_behind_a_proxy_asks_for_what_may_be_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, receiver.url.rpartition("/")[0])
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("BIZLM_ALLOW_ADDRESS", "192.0.2.1")
    open_sink("json://hooks.invalid/hook").deliver(a_notification())
    assert receiver.attempts == 1
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: real(
            "169.254.169.254" if host == "inner.example" else host, *more, **named
        ),
    )
    with pytest.raises(DeliveryError, match="--allow-address"):
        open_sink("json://inner.example/hook").deliver(a_notification())
    assert receiver.attempts == 1


def test_an_address_nobody_knows_is_refused_without_its_secrets() -> None:
    with pytest.raises(UserError) as error:
        open_sink("slak://token-a/token-b")
    assert "token" not in str(error.value)


def _kept(store: Store, alert: Alert, notified: bool = True) -> None:
    with store.transaction() as database:
        store.write_alert(alert, None)
        if notified:
            database.execute("UPDATE alerts SET notified_at = ?", (at(2).isoformat(),))
            enqueue(database, {"console": ""}, Notification(alerts=[alert]))


def test_nobody_acknowledged_so_it_is_told_once_more(store: Store) -> None:
    _kept(store, an_alert())
    now = datetime.now(UTC)
    assert escalate(store, ["console"], at(1)) == 0
    assert escalate(store, ["console"], now) == 1
    assert escalate(store, ["console"], now) == 0
    _, row = store.rows("SELECT body FROM outbox ORDER BY number")
    assert Notification.model_validate_json(row["body"]).escalated


def test_what_concerned_no_receiver_is_escalated_to_none(store: Store) -> None:
    lists = [Watchlist(name="Orion desk", companies=["Orion"])]
    subscribers = Subscribers((), lists, {"Orion desk": ["mail"]})
    router = AlertRouter(store, subscribers, lambda *_: ())
    alert = an_alert()
    with store.transaction() as database:
        router.write(database, [Change("firing", alert, 0, (alert.key,))])
    assert operations.case(store, "a1").notified_at
    assert escalate(store, ["mail"], datetime.now(UTC)) == 0
    assert not store.rows("SELECT 1 FROM outbox")


def test_an_acknowledged_alert_is_not_escalated(store: Store) -> None:
    _kept(store, an_alert())
    done = operations.acknowledge(store, "a1", "Mei")
    assert done.acknowledged_by == "Mei"
    assert escalate(store, ["console"], datetime.now(UTC)) == 0


def test_a_silenced_alert_is_not_escalated_before_the_silence_ends(store: Store) -> None:
    _kept(store, an_alert())
    operations.silence(store, "Alba", timedelta(seconds=0.2), "Mei")
    assert escalate(store, ["console"], datetime.now(UTC)) == 0
    time.sleep(0.25)
    assert escalate(store, ["console"], datetime.now(UTC)) == 1


def test_a_receiver_whose_client_breaks_is_tried_again(store: Store) -> None:
    class Breaks:
        name = "breaks"
        attempts = 0

        def deliver(self, notification: Notification) -> None:
            self.attempts += 1
            if self.attempts == 1:
                raise ValueError("a bug of its client")

    sink = Breaks()
    delivery = Delivery(store, [sink], first_pause=0.05)
    delivery.start()
    enqueue_for(store, delivery, a_notification())
    wait_for(lambda: delivery.delivered["breaks"] == 1)
    assert sink.attempts == 2
    delivery.stop()


def test_what_is_being_told_is_not_told_again_meanwhile(store: Store) -> None:
    got: list[Notification] = []

    class Slow:
        name = "slow"

        def deliver(self, notification: Notification) -> None:
            time.sleep(0.3)
            got.append(notification)

    delivery = Delivery(store, [Slow()])
    delivery.start()
    delivery.notify_now([a_notification()], Subscribers(delivery.sinks))
    enqueue_for(store, delivery, a_notification())
    wait_for(lambda: not store.rows("SELECT 1 FROM outbox WHERE delivered_at IS NULL"))
    delivery.stop()
    assert len(got) == 1


def test_while_nothing_can_be_looked_up_what_fires_is_told_and_no_end() -> None:
    fires, ended = an_alert("a1"), an_alert("a2", status="resolved")
    changes = [Change("firing", fires, 0, (fires.key,)), Change("resolved", ended, 0)]
    assert [one.alerts[0].alert_id for one in without_store(changes)] == ["a1"]


def test_the_token_in_a_webhooks_address_is_not_shown() -> None:
    sink = WebhookSink("https://user:pass@hooks.example/services/T0KEN?key=s3cret")
    assert sink.name.startswith("https://hooks.example")
    assert not any(part in sink.name for part in ("pass", "T0KEN", "s3cret"))


def test_cases_are_found_by_how_their_id_begins(store: Store) -> None:
    _kept(store, an_alert("abc1"))
    _kept(store, an_alert("abd2"))
    assert operations.case(store, "abc").alert.alert_id == "abc1"
    with pytest.raises(UserError, match="2 alerts"):
        operations.case(store, "ab")
    with pytest.raises(UserError, match="no such alert"):
        operations.case(store, "%")
    assert not operations.resolve(store, "abc1", "Jun").is_open


def test_a_silence_covers_its_key_by_name_for_its_time(store: Store) -> None:
    made = operations.silence(store, "Alba", timedelta(hours=1), "Mei", "known")
    operations.silence(store, "*", timedelta(seconds=-1), "Mei")
    assert [one.key for one in operations.silences(store)] == ["Alba"]
    assert made.covers("company/Alba")
    assert not made.covers("topic/credit")


def test_a_silence_of_what_no_alert_was_of_says_so(tmp_path: Path) -> None:
    opened = Store(store_path(tmp_path / "finance_monitor"))
    _kept(opened, an_alert("a1"))
    opened.close()

    def silenced(key: str) -> str:
        words = ("--for", "1h", "--by", "Mei", "--store", tmp_path)
        told = run_here("finance_monitor", "alerts", "silence", key, *words).stderr
        return " ".join(told.split())

    assert "no alert of Abla so far. Did you mean Alba?" in silenced("Abla")
    assert "no alert" not in silenced("company/Alba") + silenced("Alba") + silenced("*")
