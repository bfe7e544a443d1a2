"""A notification of an alert: in Alertmanager's form, and in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from apps.finance_monitor.exposure.wording import exposed_in_words
from apps.finance_monitor.surges.alert import Alert, Evidence
from apps.finance_monitor.surges.keys import MARKET, name_of
from common.records.text import CHINESE

# Alertmanager's way to say that an alert has not ended.
NOT_ENDED = "0001-01-01T00:00:00Z"
GROUPED_BY = ("alertname", "key")
SEVERITIES = {"notice": "提示", "warning": "警告", "critical": "严重"}
STATUSES = {"pending": "观察中", "firing": "告警中", "resolved": "已结束"}


class Notification(BaseModel):
    """One alert that changed, as it then stood; a list, as Alertmanager's body has one."""

    alerts: list[Alert]
    escalated: bool = False
    first: bool = Field(True, description="Nobody was notified of it before.")

    @property
    def reason(self) -> str:
        """In Alertmanager's words; a severity that rose is another alert of the group to it."""
        if self.escalated:
            return "repeat interval elapsed"
        if all(alert.status == "resolved" for alert in self.alerts):
            return "all alerts resolved"
        return "first notification" if self.first else "new alerts added"

    def marked(self, indirect: str) -> Notification:
        """As it is told to those whom it concerns by these companies alone."""
        alerts = [alert.marked(indirect) for alert in self.alerts]
        return self.model_copy(update={"alerts": alerts}) if indirect else self

    @property
    def idempotency_key(self) -> str:
        """The same for the same news, however often it is sent."""
        parts = [f"{a.alert_id}:{a.status}:{a.severity}:{self.escalated}" for a in self.alerts]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:24]


def headline(alert: Alert) -> str:
    """One line; for whom it concerns indirectly, by which companies."""
    told = _headline(alert)
    if not alert.indirect:
        return told
    return (
        f"{alert.indirect}（间接）：{told}"
        if is_chinese(alert)
        else (f"{alert.indirect}, indirectly: {told}")
    )


def _headline(alert: Alert) -> str:
    name = name_of(alert.key)
    if is_chinese(alert):
        subject = "全市场" if name == MARKET else name
        state = "激增已结束" if alert.status == "resolved" else "激增"
        return f"{subject}：负面消息{state}，{alert.observed} 条（常态 {usual(alert)} 条）"
    subject = "the market" if name == MARKET else name
    state = "has ended" if alert.status == "resolved" else ""
    surge = f"Negative news on {subject} {state}".rstrip()
    return f"{surge}: {alert.observed} stories (usually {usual(alert)})"


def is_chinese(alert: Alert) -> bool:
    """Whether it is written in Chinese: by its name; of the whole market, by most stories."""
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
        lines = [f"{severity}，{status}，始于 {since}，负面占比 {alert.share:.0%}"]
    else:
        lines = [f"{alert.severity}, {alert.status}, since {since}, {alert.share:.0%} negative"]
    for story in alert.evidence:
        outlets = _outlets(story, chinese) if story.outlets > 1 else ""
        words = f" [{', '.join(story.words)}]" if story.words else ""
        lines.append(f"- {story.published_at:%H:%M} {story.headline}{outlets}{words}")
        said = "另有相反说法" if chinese else "told otherwise"
        lines += [f"  {said}: {one.headline}" for one in story.otherwise]
    if alert.exposed:
        lines.append(exposed_in_words(alert.exposed, chinese=chinese))
    return "\n".join(lines)


def _outlets(story: Evidence, chinese: bool) -> str:
    """How many ran it, and who was first."""
    if chinese:
        first = f"，{story.source} 首发" if story.source else ""
        return f"（{story.outlets} 条报道{first}）"
    first = f", first {story.source}" if story.source else ""
    return f" ({story.outlets} reports{first})"


def to_alertmanager(notification: Notification, receiver: str) -> dict[str, Any]:
    """The webhook body of Alertmanager, version 4.

    Alerts are grouped by name and key, so that all notifications of one alert have one `groupKey`.
    """
    alerts = [_to_alertmanager(alert, notification) for alert in notification.alerts]
    group = {name: alerts[0]["labels"][name] for name in GROUPED_BY}
    pairs = ", ".join(f"{name}={json.dumps(value)}" for name, value in group.items())
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{pairs}}}",
        "truncatedAlerts": 0,
        "notification_reason": notification.reason,
        "receiver": receiver,
        "status": "firing" if any(a["status"] == "firing" for a in alerts) else "resolved",
        "alerts": alerts,
        "groupLabels": group,
        "commonLabels": _common(alerts, "labels"),
        "commonAnnotations": _common(alerts, "annotations"),
        "externalURL": "",
    }


def _common(alerts: Sequence[dict[str, Any]], name: str) -> dict[str, str]:
    """What all alerts have alike."""
    first, *others = [alert[name] for alert in alerts]
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}


def _to_alertmanager(alert: Alert, notification: Notification) -> dict[str, Any]:
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
            **({"escalated": "true"} if notification.escalated else {}),
            **alert.annotations,
        },
        "startsAt": alert.starts_at.isoformat(),
        "endsAt": alert.ends_at.isoformat() if alert.ends_at else NOT_ENDED,
        "generatorURL": "",
        "fingerprint": alert.fingerprint,
    }
