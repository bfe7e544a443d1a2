"""The live page in the terminal: rate, trend per key, what fires, the last alerts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from apps.finance_monitor.alerts.notifications import headline, is_chinese
from apps.finance_monitor.alerts.operations import Case, cases
from apps.finance_monitor.exposure.wording import exposed_in_words
from apps.finance_monitor.surges.keys import MARKET, name_of
from apps.finance_monitor.watch.committing import Step
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Closed
from common.console import results

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
WINDOWS_SHOWN = 24
KEYS_SHOWN = 14
ALERTS_SHOWN = 5
REFRESH_SECONDS = 0.5
COLOURS = {"notice": "yellow", "warning": "dark_orange", "critical": "bold red"}


class Display:
    """What the page shows, kept from step to step."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._windows: deque[Closed] = deque(maxlen=WINDOWS_SHOWN)
        for window in recent_windows(watch):
            self._windows.append(window)

    def take(self, step: Step) -> None:
        """Take in what a step closed."""
        self._windows.extend(step.closed)

    def render(self) -> RenderableType:
        """The whole page."""
        from rich.console import Group
        from rich.text import Text

        found = [case for case in cases(self._watch.store, 30) if case.notified_at]
        firing = [case for case in found if case.is_open]
        over = [case for case in found if not case.is_open][:ALERTS_SHOWN]
        parts: list[RenderableType] = [Text(self._status()), self._trend()]
        parts.append(Text("Firing", style="bold") if firing else Text("Nothing fires.", "green"))
        for case in firing:
            parts += _alert_lines(case)
        if over:
            parts.append(Text("Before", style="bold"))
            parts += [Text(f"  {headline(case.alert)}", style="dim") for case in over]
        return Group(*parts)

    def _status(self) -> str:
        watch, pace, tally = self._watch, self._watch.pace, self._watch.monitor.tally
        now = watch.monitor.clock.now
        time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC" if now else "no news yet"
        parts = [time, f"{tally['records']:,} stories", f"{pace.per_second:,.0f}/s"]
        parts += [
            f"{count:,} {name}"
            for name, count in (
                ("copies", tally["duplicates"]),
                ("late", tally["late"]),
                ("seen before", tally["repeated"]),
                ("unreadable", tally["rejected"]),
                ("bytes behind", pace.backlog),
                ("notifications refused", sum(watch.counters().set_aside.values())),
            )
            if count
        ]
        if watch.drift.has_drifted:
            parts.append("MODEL DRIFT: confidence has fallen; fine-tune again")
        parts += [f"{name} IS SILENT: {why}" for name, why in pace.outages.items()]
        if pace.disk_full:
            parts.append("CANNOT WRITE: not reading")
        return " · ".join(parts)

    def _trend(self) -> Table:
        from rich.table import Table

        table = Table(box=None, padding=(0, 1))
        table.add_column("", no_wrap=True)
        table.add_column(f"negative, last {len(self._windows)} windows")
        for name in ("tallest", "now", "usual", "share"):
            table.add_column(name, justify="right")
        for key in self._busiest():
            counts = [window.counts.get(key, [0, 0, 0]) for window in self._windows]
            negative = [count[0] for count in counts]
            all_ = sum(count[2] for count in counts)
            expected = self._windows[-1].expected.get(key)
            open_alert = self._watch.monitor.open_alerts.get(key)
            table.add_row(
                name_of(key),
                sparkline(negative),
                str(max(negative)),
                str(negative[-1]),
                f"{expected:.1f}" if expected is not None else "–",
                f"{sum(negative) / all_:.0%}" if all_ else "–",
                style=COLOURS[open_alert.severity] if open_alert else None,
            )
        return table

    def _busiest(self) -> list[str]:
        if not self._windows:
            return []
        total: dict[str, int] = {}
        for window in self._windows:
            for key, counts in window.counts.items():
                total[key] = total.get(key, 0) + counts[2]
        alarmed = self._watch.monitor.open_alerts
        ranked = sorted(total, key=lambda key: (key not in alarmed, key != MARKET, -total[key]))
        return ranked[:KEYS_SHOWN]


def show_while(watch: Watch, work: Callable[[Callable[[Step], None]], None]) -> None:
    """Show the page while `work` goes on; it calls back after each step."""
    from rich.live import Live

    display, last = Display(watch), 0.0
    with Live(display.render(), console=results(), auto_refresh=False, screen=True) as live:

        def after(step: Step) -> None:
            nonlocal last
            display.take(step)
            if monotonic() - last > REFRESH_SECONDS:
                last = monotonic()
                live.update(display.render(), refresh=True)

        work(after)
    results().print(display.render())


def recent_windows(watch: Watch) -> list[Closed]:
    """The last closed windows, from the store."""
    now = watch.monitor.clock.now
    if now is None:
        return []
    by_start: dict[float, Closed] = {}
    width = watch.monitor.rules.width
    for key, rows in watch.store.trend(now - (WINDOWS_SHOWN + 1) * width).items():
        for row in rows:
            window = by_start.setdefault(row["start"], Closed(row["start"], {}, {}, {}))
            window.counts[key] = [row["negative"], row["positive"], row["stories"]]
            window.expected[key] = row["expected"]
            window.surprise[key] = row["surprise"]
    return [by_start[start] for start in sorted(by_start)]


def sparkline(values: list[int]) -> str:
    """One bar for each value, the tallest for the greatest."""
    top = max(values, default=0)
    if not top:
        return BARS[0] * len(values)
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)


def _alert_lines(case: Case) -> list[RenderableType]:
    from rich.text import Text

    alert = case.alert
    acknowledged = f", acknowledged by {case.acknowledged_by}" if case.acknowledged_by else ""
    lines: list[RenderableType] = [
        Text(f"  {alert.severity}: {headline(alert)}{acknowledged}", COLOURS[alert.severity])
    ]
    for story in alert.evidence:
        outlets = f"  ({story.outlets} reports)" if story.outlets > 1 else ""
        words = f"  [{', '.join(story.words)}]" if story.words else ""
        line = f"    {story.published_at:%H:%M}  {story.headline}{outlets}{words}"
        lines.append(Text(line, no_wrap=True, overflow="ellipsis"))
        for other in story.otherwise:
            line = f"           told otherwise: {other.headline}"
            lines.append(Text(line, no_wrap=True, overflow="ellipsis"))
    if alert.exposed:
        line = f"    {exposed_in_words(alert.exposed, chinese=is_chinese(alert))}"
        lines.append(Text(line, no_wrap=True, overflow="ellipsis"))
    return lines
