"""The names of the metrics, for Prometheus: those of a server, a watch and a worker alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.finance_monitor.figures import Figures


class WatchMetrics(Collector):
    """What a watch does; a worker that only scores has no alerts, copies or late records."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """All metrics as they stand."""
        figures = self._figures()
        yield from _counters(figures)
        yield from _gauges(figures)


def _counters(figures: Figures) -> Iterator[Metric]:
    tally = figures.tally
    for name, meaning in (
        ("records", "Records read"),
        ("duplicates", "Copies of an earlier story"),
        ("late", "Records for a closed window"),
        ("repeated", "Records whose id was known"),
        ("rejected", "Lines that are no records"),
    ):
        yield CounterMetricFamily(f"bizlm_monitor_{name}", meaning, value=tally.get(name, 0))
    sentiments = CounterMetricFamily(
        "bizlm_monitor_sentiment", "Records by sentiment", labels=["sentiment"]
    )
    for label in ("positive", "neutral", "negative", "abstained"):
        sentiments.add_metric([label], tally.get(label, 0))
    yield sentiments
    refused = CounterMetricFamily(
        "bizlm_monitor_set_aside", "Notifications refused for good", labels=["sink"]
    )
    for sink, count in figures.set_aside.items():
        refused.add_metric([sink], count)
    yield refused


def _gauges(figures: Figures) -> Iterator[Metric]:
    alerts = GaugeMetricFamily(
        "bizlm_monitor_alerts", "Alerts that are not resolved", labels=["severity"]
    )
    for severity in ("notice", "warning", "critical"):
        alerts.add_metric([severity], sum(one.severity == severity for one in figures.alerts))
    yield alerts
    failures = GaugeMetricFamily(
        "bizlm_monitor_sink_failures", "Failures since the last success", labels=["sink"]
    )
    for sink, count in figures.sink_failures.items():
        failures.add_metric([sink], count)
    yield failures
    pace, drift = figures.pace, figures.drift
    for name, meaning, value in (
        ("lag", "Bytes or messages that wait", pace.backlog),
        ("records_per_second", "Rate since the start", pace.per_second),
        ("disk_full", "Whether reading stands still for want of disk", pace.disk_full),
        ("drift", "Whether confidence has fallen below training's", drift.has_drifted),
        ("confidence", "Mean confidence of late", drift.confidence or 0.0),
    ):
        yield GaugeMetricFamily(f"bizlm_monitor_{name}", meaning, value=float(value))
