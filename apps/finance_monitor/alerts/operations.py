"""What people do about alerts: acknowledge, silence, resolve, judge."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from apps.finance_monitor.alerts.notifications import Notification, headline
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.keys import company_key, name_of
from common.errors import UserError

Verdict = Literal["real", "false_alarm"]


class Case(BaseModel):
    """An alert, with what people did about it."""

    alert: Alert
    muted_by: str | None = None
    notified_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    verdict: Verdict | None = None
    verdict_reason: str | None = None
    verdict_by: str | None = None
    verdict_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still wants attention."""
        return self.alert.status != "resolved" and self.closed_at is None


class Silence(BaseModel):
    """No notifications on `key` (a key, its name, or `*`) until then."""

    silence_id: int
    key: str
    until: datetime
    by: str
    comment: str

    def covers(self, key: str) -> bool:
        """Whether it mutes `key`."""
        return self.key in {"*", key, name_of(key)}


class SetAside(BaseModel):
    """A notification that a receiver refused, time and again, and does not get any more."""

    sink: str
    error: str
    attempts: int
    alert_ids: list[str]
    headline: str


def cases(store: Store, limit: int = 100) -> list[Case]:
    """Alerts, the latest first."""
    query = "SELECT * FROM alerts ORDER BY starts DESC, alert_id LIMIT ?"
    return [_case(dict(row)) for row in store.rows(query, limit)]


def exposed_now(store: Store) -> list[str]:
    """The keys of companies that are exposed to an open alert which no other one explains."""
    rows = store.rows(
        f"SELECT {store.sql.text_at('content', 'exposed')} AS exposed FROM alerts"
        " WHERE status != 'resolved' AND closed_at IS NULL AND muted_by IS NULL"
    )
    named = (one["company"] for row in rows for one in json.loads(row["exposed"] or "[]"))
    return [company_key(company) for company in dict.fromkeys(named)]


def case(store: Store, alert_id: str) -> Case:
    """The alert whose id begins so.

    Raises:
        UserError: there is none, or more than one.
    """
    rows = store.rows(
        "SELECT * FROM alerts WHERE substr(alert_id, 1, ?) = ?", len(alert_id), alert_id
    )
    if not alert_id or not rows:
        raise UserError(f"no such alert: {alert_id}", hint="`alerts list` shows their ids.")
    if len(rows) > 1:
        raise UserError(f"{len(rows)} alerts begin with {alert_id}", hint="Give more of the id.")
    return _case(dict(rows[0]))


def acknowledge(store: Store, alert_id: str, by: str) -> Case:
    """Somebody looks after it: it is not escalated any more."""
    return _mark(store, alert_id, "acknowledged", by)


def resolve(store: Store, alert_id: str, by: str) -> Case:
    """Somebody resolves it: no more notifications of it."""
    return _mark(store, alert_id, "closed", by)


def judge(store: Store, alert_id: str, verdict: Verdict, by: str, reason: str = "") -> Case:
    """Somebody says whether it was right to alert; the last word counts."""
    found = case(store, alert_id)
    with store.transaction() as database:
        database.execute(
            "UPDATE alerts SET verdict = ?, verdict_reason = ?, verdict_by = ?, verdict_at = ?"
            " WHERE alert_id = ?",
            (verdict, reason or None, by, datetime.now(UTC).isoformat(), found.alert.alert_id),
        )
    return case(store, found.alert.alert_id)


def verdicts(store: Store) -> dict[Verdict, int]:
    """How many alerts were judged so."""
    query = (
        "SELECT verdict, COUNT(*) AS alerts FROM alerts WHERE verdict IS NOT NULL GROUP BY verdict"
    )
    counted = {row["verdict"]: row["alerts"] for row in store.rows(query)}
    return {"real": counted.get("real", 0), "false_alarm": counted.get("false_alarm", 0)}


def silence(store: Store, key: str, lasting: timedelta, by: str, comment: str = "") -> Silence:
    """Silence `key` for a while; its alerts are kept and shown."""
    until = datetime.now(UTC) + lasting
    with store.transaction() as database:
        made = database.execute(
            "INSERT INTO silences (key, until, by, comment) VALUES (?, ?, ?, ?) RETURNING *",
            (key, until.isoformat(), by, comment),
        ).fetchone()
    return Silence.model_validate(dict(made))


def alerted(store: Store) -> list[str]:
    """The keys that there was an alert of."""
    rows = store.rows(f"SELECT DISTINCT {store.sql.text_at('content', 'key')} AS key FROM alerts")
    return [row["key"] for row in rows]


def silences(store: Store) -> list[Silence]:
    """Those that last still."""
    now = datetime.now(UTC).isoformat()
    rows = store.rows("SELECT * FROM silences WHERE until > ? ORDER BY until", now)
    return [Silence.model_validate(dict(row)) for row in rows]


def set_aside(store: Store, limit: int = 20) -> list[SetAside]:
    """What receivers refused, the latest first."""
    rows = store.rows(
        "SELECT sink, error, attempts, body FROM outbox WHERE error IS NOT NULL"
        " ORDER BY number DESC LIMIT ?",
        limit,
    )
    return [_set_aside(dict(row)) for row in rows]


def _set_aside(row: dict[str, object]) -> SetAside:
    alerts = Notification.model_validate_json(str(row.pop("body"))).alerts
    headlines = "; ".join(headline(alert) for alert in alerts)
    ids = [alert.alert_id for alert in alerts]
    return SetAside.model_validate(row | {"alert_ids": ids, "headline": headlines})


def _mark(store: Store, alert_id: str, what: str, by: str) -> Case:
    found = case(store, alert_id)
    with store.transaction() as database:
        database.execute(
            f"UPDATE alerts SET {what}_by = ?, {what}_at = ? WHERE alert_id = ?",
            (by, datetime.now(UTC).isoformat(), found.alert.alert_id),
        )
    return case(store, found.alert.alert_id)


def _case(row: dict[str, object]) -> Case:
    alert = Alert.model_validate_json(str(row.pop("content")))
    return Case.model_validate(row | {"alert": alert})
