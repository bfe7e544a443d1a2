"""What is told of an alert: in Alertmanager's form, and in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from apps.finance_monitor.keys import MARKET, name_of
from apps.finance_monitor.schema import Alert
from common.records.text import CHINESE

# Alertmanager's way to say that an alert has not ended.
NOT_ENDED = "0001-01-01T00:00:00Z"
SEVERITIES = {"notice": "提示", "warning": "警告", "critical": "严重"}
STATUSES = {"pending": "待确认", "firing": "告警中", "resolved": "已结束"}


class Notification(BaseModel):
    """Alerts that changed in the same window, told together."""

    alerts: list[Alert]
    escalated: bool = False

    @property
    def idempotency_key(self) -> str:
        """The same for the same news, however often it is sent."""
        parts = [f"{a.alert_id}:{a.status}:{a.severity}:{self.escalated}" for a in self.alerts]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:24]


def headline(alert: Alert) -> str:
    """One line."""
    name = name_of(alert.key)
    if is_chinese(alert):
        subject = "全市场" if name == MARKET else name
        state = "已结束" if alert.status == "resolved" else "激增"
        return f"{subject}：负面新闻{state}，{alert.observed} 条（常态 {usual(alert)} 条）"
    subject = "the market" if name == MARKET else name
    state = "has ended" if alert.status == "resolved" else ""
    surge = f"Negative news on {subject} {state}".rstrip()
    return f"{surge}: {alert.observed} stories where {usual(alert)} are usual"


def is_chinese(alert: Alert) -> bool:
    """Whether it is told in Chinese: by its name, for the whole market by most of its stories."""
    name = name_of(alert.key)
    if name != MARKET:
        return bool(CHINESE.search(name))
    stories = [bool(CHINESE.search(story.headline)) for story in alert.evidence]
    return 2 * sum(stories) > len(stories)


def usual(alert: Alert) -> str:
    """The expected count, no finer than one can imagine."""
    return f"{alert.expected:.1f}" if alert.expected >= 0.05 else "0"


def in_words(alert: Alert) -> str:
    """A few lines: what, how much, and the stories behind it."""
    chinese, since = is_chinese(alert), f"{alert.starts_at:%Y-%m-%d %H:%M} UTC"
    if chinese:
        severity, status = SEVERITIES[alert.severity], STATUSES[alert.status]
        lines = [f"{severity}，{status}，始于 {since}，其消息的 {alert.share:.0%} 为负面"]
    else:
        lines = [f"{alert.severity}, {alert.status}, since {since}, {alert.share:.0%} negative"]
    for story in alert.evidence:
        told = f"（{story.outlets} 家媒体）" if chinese else f" ({story.outlets} outlets)"
        outlets = told if story.outlets > 1 else ""
        words = f" [{', '.join(story.words)}]" if story.words else ""
        lines.append(f"- {story.published_at:%H:%M} {story.headline}{outlets}{words}")
    return "\n".join(lines)


def to_alertmanager(notification: Notification, receiver: str) -> dict[str, Any]:
    """The webhook body of Alertmanager, version 4."""
    alerts = [_to_alertmanager(alert) for alert in notification.alerts]
    statuses = {alert["status"] for alert in alerts}
    common = {"application": "finance_monitor"}
    if notification.escalated:
        common["escalated"] = "true"
    return {
        "version": "4",
        "groupKey": notification.idempotency_key,
        "truncatedAlerts": 0,
        "status": "firing" if "firing" in statuses else "resolved",
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    }


def _to_alertmanager(alert: Alert) -> dict[str, Any]:
    labels = {
        "alertname": "negative_surge",
        "application": "finance_monitor",
        "key": alert.key,
        "severity": alert.severity,
        **alert.labels,
    }
    return {
        "status": "resolved" if alert.status == "resolved" else "firing",
        "labels": labels,
        "annotations": {
            "summary": headline(alert),
            "description": in_words(alert),
            "observed": str(alert.observed),
            "expected": f"{alert.expected:g}",
            "share": f"{alert.share:g}",
            "surprise": f"{alert.surprise:g}",
            "false_alarm_budget": alert.false_alarm_budget,
            "alert_id": alert.alert_id,
            **alert.annotations,
        },
        "startsAt": alert.starts_at.isoformat(),
        "endsAt": alert.ends_at.isoformat() if alert.ends_at else NOT_ENDED,
        "generatorURL": "",
        "fingerprint": alert.fingerprint,
    }


def group(alerts: Sequence[Alert]) -> list[Notification]:
    """One notification for all alerts that changed in the same window."""
    by_end: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_end.setdefault(alert.window.end.isoformat(), []).append(alert)
    return [Notification(alerts=together) for together in by_end.values()]
