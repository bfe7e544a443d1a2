"""The names of the metrics, for Prometheus: those of a server, a watch and a worker alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.finance_monitor.watch.counters import Figures


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
    yield _labelled(
        CounterMetricFamily(
            "bizlm_monitor_sentiment", "Records by sentiment", labels=["sentiment"]
        ),
        {label: tally.get(label, 0) for label in ("positive", "neutral", "negative", "abstained")},
    )
    yield _labelled(
        CounterMetricFamily(
            "bizlm_monitor_set_aside", "Notifications refused for good", labels=["sink"]
        ),
        figures.set_aside,
    )


def _gauges(figures: Figures) -> Iterator[Metric]:
    severities = [alert.severity for alert in figures.alerts]
    yield _labelled(
        GaugeMetricFamily(
            "bizlm_monitor_alerts", "Alerts that are not resolved", labels=["severity"]
        ),
        {name: severities.count(name) for name in ("notice", "warning", "critical")},
    )
    yield _labelled(
        GaugeMetricFamily(
            "bizlm_monitor_sink_failures", "Failures since the last success", labels=["sink"]
        ),
        figures.sink_failures,
    )
    pace, drift = figures.pace, figures.drift
    for name, meaning, value in (
        ("lag", "Bytes or messages that wait", pace.backlog),
        ("records_per_second", "Rate since the start", pace.per_second),
        ("disk_full", "Whether reading stands still for want of disk", pace.disk_full),
        ("drift", "Whether confidence has fallen below training's", drift.has_drifted),
        ("confidence", "Mean confidence of late", drift.confidence or 0.0),
    ):
        yield GaugeMetricFamily(f"bizlm_monitor_{name}", meaning, value=float(value))


def _labelled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, float]
) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
