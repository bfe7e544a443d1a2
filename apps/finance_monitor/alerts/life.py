"""The life of an alert: pending, firing, resolved; decided by closed windows alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from apps.finance_monitor.surges.alert import Alert, AlertStatus, Severity, Window
from apps.finance_monitor.surges.detector import Verdict
from apps.finance_monitor.surges.keys import kind_of, name_of

Event = Literal["pending", "firing", "severity", "audience", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")
# In multiples of log A; the statistic grows with every window in which the surge goes on.
WARNING_FROM, CRITICAL_FROM = 1.5, 3.0


@dataclass(frozen=True)
class Change:
    """What has just happened to an alert.

    Attributes:
        sequence: the last record it may know of.
        open: keys of all alerts that were not resolved then, this one among them.
    """

    event: Event
    alert: Alert
    sequence: int
    open: tuple[str, ...] = ()


@dataclass
class AlertBook:
    """The alerts that are not resolved, one per key.

    Args:
        delay: how long a surge must go on before its alert fires, seconds.
        budget: the promise that the threshold follows from, in the user's words.
        window: the width of the windows, where it is not the narrowest of several.
    """

    delay: float
    budget: str
    window: str = ""
    open: dict[str, Alert] = field(default_factory=dict)

    def update(
        self,
        start: float,
        width: float,
        keys: Sequence[str],
        verdict: Verdict,
        sequence: int,
        reached: Callable[[float, int], Sequence[str]] = lambda _, __: (),
    ) -> list[Change]:
        """Take in the detector's verdict on one window of all keys.

        Args:
            reached: the watchlists that an alert with this surprise on the key of this row is for.
        """
        changes = []
        for row in verdict.alarmed.nonzero()[0].tolist():
            known = self.open.get(keys[row])
            alert = self._describe(known, start, width, keys[row], verdict, row)
            alert = _with_audience(alert, known, reached(float(verdict.surprise[row]), row))
            event: Event | None = None
            if verdict.ended[row]:
                event = "resolved"
                self.open.pop(alert.key, None)
            else:
                event = _event(known, alert)
                self.open[alert.key] = alert
            if event:
                changes.append(Change(event, alert, sequence))
        return [replace(change, open=tuple(self.open)) for change in changes]

    def _describe(
        self, known: Alert | None, start: float, width: float, key: str, verdict: Verdict, row: int
    ) -> Alert:
        end = start + width
        began = float(verdict.since[row])
        severity = _severity(float(verdict.surprise[row]))
        if known:
            began = known.starts_at.timestamp()
            severity = max(known.severity, severity, key=SEVERITIES.index)
        calm = float(verdict.calm[row]) * 3600
        status: AlertStatus = "firing" if end - began >= self.delay + width else "pending"
        if verdict.ended[row]:
            status = "resolved"
        all_ = float(verdict.all[row])
        return Alert(
            alert_id=known.alert_id if known else _identify(key, start, self.window),
            fingerprint=known.fingerprint if known else _identify(key),
            status=status,
            severity=severity,
            key=key,
            starts_at=_time(began),
            ends_at=_time(end - calm) if verdict.ended[row] else None,
            window=Window(start=_time(began), end=_time(end)),
            observed=int(verdict.negative[row]),
            expected=_round(float(verdict.run_expected[row])),
            share=round(float(verdict.negative[row]) / all_, 2) if all_ else 0.0,
            surprise=_round(float(verdict.surprise[row])),
            false_alarm_budget=self.budget,
            labels={"kind": kind_of(key), "name": name_of(key)}
            | ({"window": self.window} if self.window else {}),
            annotations={"ended": "new normal"} if verdict.new_normal[row] else {},
            fired_at=known.fired_at if known and known.fired_at else _fired(status, end),
            general=float(verdict.surprise[row]) >= 1,
        )


def _with_audience(alert: Alert, known: Alert | None, reached: Sequence[str]) -> Alert:
    """Whom it has been for stays with it: the budget is spent."""
    if known is None:
        return alert.model_copy(update={"watchlists": list(reached)})
    lists = list(dict.fromkeys([*known.watchlists, *reached]))
    return alert.model_copy(update={"general": known.general or alert.general, "watchlists": lists})


def _event(known: Alert | None, alert: Alert) -> Event | None:
    if known is None or known.status != alert.status:
        return "firing" if alert.status == "firing" else "pending"
    if alert.status == "firing" and known.severity != alert.severity:
        return "severity"
    if alert.status == "firing" and (known.general, known.watchlists) != (
        alert.general,
        alert.watchlists,
    ):
        return "audience"
    return None


def _fired(status: AlertStatus, end: float) -> datetime | None:
    return _time(end) if status == "firing" else None


def _severity(surprise: float) -> Severity:
    if surprise >= CRITICAL_FROM:
        return "critical"
    return "warning" if surprise >= WARNING_FROM else "notice"


def _identify(key: str, start: float | None = None, window: str = "") -> str:
    named = key if start is None else f"{key}@{start:.0f}{window}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _round(value: float) -> float:
    """Three significant digits: more are noise of the arithmetic."""
    if not value:
        return 0.0
    return round(value, 2 - math.floor(math.log10(abs(value))))
