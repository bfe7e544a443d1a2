"""The names of the metrics, for Prometheus: those of a server, a watch and a worker alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.finance_monitor.feeds.health import SourceHealth
from apps.finance_monitor.watch.counters import Counters


class WatchMetrics(Collector):
    """What a watch does; a worker that only scores has no alerts, copies or late records."""

    def __init__(self, counters: Callable[[], Counters]) -> None:
        self._read_counters = counters

    def collect(self) -> Iterator[Metric]:
        """All metrics as they stand."""
        counters = self._read_counters()
        yield from _counter_families(counters)
        yield from _gauge_families(counters)


def _counter_families(counters: Counters) -> Iterator[Metric]:
    tally = counters.tally
    for name, meaning in (
        ("records", "Records read"),
        ("duplicates", "Copies of an earlier story"),
        ("late", "Records for a closed window"),
        ("repeated", "Records whose id was known"),
        ("rejected", "Rejected lines"),
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
            "bizlm_monitor_set_aside", "Notifications given up after refusals", labels=["sink"]
        ),
        counters.set_aside,
    )


def _gauge_families(counters: Counters) -> Iterator[Metric]:
    severities = [alert.severity for alert in counters.alerts]
    yield _labelled(
        GaugeMetricFamily("bizlm_monitor_alerts", "Open alerts", labels=["severity"]),
        {name: severities.count(name) for name in ("notice", "warning", "critical")},
    )
    yield _labelled(
        GaugeMetricFamily(
            "bizlm_monitor_sink_failures",
            "Delivery failures since the last success",
            labels=["sink"],
        ),
        counters.sink_failures,
    )
    pace, drift = counters.pace, counters.drift
    yield _labelled(
        GaugeMetricFamily(
            "bizlm_monitor_source_down", "1 while a feed of the web fails", labels=["source"]
        ),
        dict.fromkeys(pace.outages, 1.0),
    )
    yield from _source_families(pace.sources)
    for name, meaning, value in (
        ("lag", "Backlog in bytes or messages", pace.backlog),
        ("records_per_second", "Rate since the start", pace.per_second),
        ("disk_full", "1 while reading is paused because nothing can be written", pace.disk_full),
        ("drift", "1 while confidence is below its level in training", drift.has_drifted),
        ("confidence", "Recent mean confidence", drift.confidence or 0.0),
    ):
        yield GaugeMetricFamily(f"bizlm_monitor_{name}", meaning, value=float(value))


def _source_families(sources: Sequence[SourceHealth]) -> Iterator[Metric]:
    for name, attribute, meaning in (
        ("heard_timestamp_seconds", "heard_at", "When a source last answered"),
        ("next_try_timestamp_seconds", "next_try", "When a source is asked next"),
        ("behind_seconds", "behind", "Since a source was last read up to date"),
        ("items", "records", "Items of a source since the start"),
    ):
        values = {one.name: getattr(one, attribute) for one in sources}
        known = {source: value for source, value in values.items() if value is not None}
        family = GaugeMetricFamily(f"bizlm_monitor_source_{name}", meaning, labels=["source"])
        yield _labelled(family, known)


def _labelled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, float]
) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
