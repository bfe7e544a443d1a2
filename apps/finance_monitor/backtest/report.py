"""What a backtest shows: tables for the terminal, and a page with a picture of each alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.finance_monitor.alerts.notifications import usual
from apps.finance_monitor.alerts.operations import Case
from apps.finance_monitor.backtest.outcome import Outcome
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.keys import name_of
from common.evaluation.report import Section, svg, write_report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AROUND = 3 * 24 * 3600.0  # seconds of trend drawn before and after an alert


def write_backtest_report(
    path: Path, outcome: Outcome, sweep: Sequence[Outcome], store: Store
) -> None:
    """The alerts with a picture of each one's window, and what other budgets would have come to."""
    sections = [
        Section(
            "In short",
            text=f"{len(outcome.notified)} alerts in {outcome.days:.1f} days"
            f" under a budget of {outcome.budget}.",
        )
    ]
    if outcome.found:
        sections.append(Section("Events", table=events_table(outcome)))
    if outcome.lists:
        sections.append(Section("Watchlists", table=lists_table(outcome)))
    if sweep:
        sections.append(Section("Other budgets", table=sweep_table(sweep)))
    trend = store.trend(0)
    for case in outcome.cases:
        alert = case.alert
        muted = f" Not notified: explained by {name_of(case.muted_by)}." if case.muted_by else ""
        sections.append(
            Section(
                f"{name_of(alert.key)}, {alert.starts_at:%d %B %H:%M} UTC",
                text=f"{alert.severity.capitalize()}: {alert.observed} negative stories where"
                f" {usual(alert)} are usual, {alert.share:.0%} of its news.{muted}",
                table=evidence_table(alert),
                picture=window_picture(trend.get(alert.key, []), case),
            )
        )
    write_report(path, "Backtest", sections)


def evidence_table(alert: Alert) -> list[list[str]]:
    """One row for each story behind an alert."""
    rows = [["time", "story", "reports", "words"]]
    for story in alert.evidence:
        time = f"{story.published_at:%d %b %H:%M}"
        rows.append([time, story.headline, str(story.outlets), ", ".join(story.words)])
    return rows


def alerts_table(outcome: Outcome) -> list[list[str]]:
    """One row for each alert."""
    rows = [["notified (UTC)", "severity", "on", "negative", "usual", "not notified"]]
    for case in outcome.cases:
        alert = case.alert
        fired = f"{alert.fired_at:%Y-%m-%d %H:%M}" if alert.fired_at else "–"
        why = f"explained by {name_of(case.muted_by)}" if case.muted_by else ""
        why = why or ("" if alert.general else "by watchlists alone")
        what = [name_of(alert.key), str(alert.observed), usual(alert)]
        rows.append([fired, alert.severity, *what, why])
    return rows


def events_table(outcome: Outcome) -> list[list[str]]:
    """One row for each labelled event."""
    rows = [["event", "key", "began", "notified after", "severity"]]
    for one in outcome.found:
        wanted = "" if one.event.kind == "surge" else " (no alert wanted)"
        delay = (
            f"{one.delay.total_seconds() / 3600:.1f} h" if one.delay is not None else "not notified"
        )
        rows.append(
            [
                one.event.name + wanted,
                name_of(one.event.key),
                f"{one.event.start:%Y-%m-%d %H:%M}",
                delay,
                one.case.alert.severity if one.case else "–",
            ]
        )
    return rows


def lists_table(outcome: Outcome) -> list[list[str]]:
    """One row for each watchlist."""
    rows = [["watchlist", "budget", "notified", "of these indirectly", "unexplained"]]
    for one in outcome.lists:
        counts = (one.notified, one.indirect, one.false_alarms)
        budget = str(one.budget or outcome.budget)
        rows.append([one.name, budget, *(str(len(some)) for some in counts)])
    return rows


def sweep_table(outcomes: Iterable[Outcome]) -> list[list[str]]:
    """One row for each budget."""
    rows = [["budget", "alerts", "surges found", "median delay", "unexplained"]]
    for one in outcomes:
        surges = sum(found.event.kind == "surge" for found in one.found)
        delay = one.median_delay_hours
        rows.append(
            [
                str(one.budget),
                str(len(one.notified)),
                f"{len(one.detected)} of {surges}" if surges else "–",
                f"{delay:.1f} h" if delay is not None else "–",
                str(len(one.false_alarms)),
            ]
        )
    return rows


def window_picture(rows: Sequence[dict[str, Any]], case: Case) -> str:
    """Negative stories by window around an alert, the usual beside them, the alert shaded."""
    alert = case.alert
    start = alert.starts_at.timestamp() - AROUND
    end = (alert.ends_at or alert.window.end).timestamp() + AROUND
    shown = [row for row in rows if start <= row["start"] <= end]

    def draw(axes: Axes) -> None:
        def hours(seconds: float) -> float:
            return (seconds - alert.starts_at.timestamp()) / 3600

        times = [hours(row["start"]) for row in shown]
        axes.step(times, [row["negative"] for row in shown], where="post", label="negative")
        axes.plot(times, [row["expected"] for row in shown], label="usual", linestyle="--")
        axes.axvspan(0, hours((alert.ends_at or alert.window.end).timestamp()), alpha=0.15)
        if alert.fired_at:
            axes.axvline(hours(alert.fired_at.timestamp()), color="tab:red", label="notified")
        axes.set_xlabel(f"hours from {alert.starts_at:%Y-%m-%d %H:%M} UTC")
        axes.set_ylabel("stories")
        axes.legend()

    return svg(draw)
