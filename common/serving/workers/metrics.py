"""The metrics of all workers as one: a scrape reaches whichever accepts it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from common.files import write_atomically
from common.serving.learning.periodic import Periodic

WRITE_SECONDS = 1.0
SUFFIX = ".prom"
# Of other gauges, which all workers read from the same place, the largest is told.
ADDED = {"bizlm_http_in_flight", "bizlm_queue_length"}


class SharedMetrics:
    """What this worker counts, in a file for the others, and theirs beside it.

    Args:
        directory: the same for all workers of a server.
        own: this worker's metrics, in Prometheus' text format.
    """

    def __init__(self, directory: Path, own: Callable[[], bytes]) -> None:
        self._directory = directory
        self._own = own
        self._path = directory / f"{os.getpid()}{SUFFIX}"
        self._periodic = Periodic("metrics", self.write, WRITE_SECONDS)

    def start(self) -> None:
        """Begin to write."""
        self.write()
        self._periodic.start()

    def write(self) -> None:
        """Write what is counted until now."""
        write_atomically(self._path, self._own())

    def exposition(self) -> bytes:
        """All workers' metrics; theirs are of a second ago at the most."""
        found = [(self._own().decode(), True)]
        others = {*self._directory.glob(f"*{SUFFIX}")} - {self._path}
        for path in sorted(others):
            with suppress(FileNotFoundError):
                found.append((path.read_text(encoding="utf-8"), _is_alive(int(path.stem))))
        return merged(found)


def merged(expositions: Iterable[tuple[str, bool]]) -> bytes:
    """Several processes' metrics as one's.

    What is counted is added up, of processes that ended as well: a counter must not fall.

    Args:
        expositions: each with whether its process is still there.
    """
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for text, is_alive in expositions:
        for family in text_string_to_metric_families(text):
            known = values.setdefault(families.setdefault(family.name, family).name, {})
            is_counted = family.type in {"counter", "histogram"}
            for sample in family.samples if is_alive or is_counted else ():
                key = (sample.name, tuple(sorted(sample.labels.items())))
                if is_counted or family.name in ADDED:
                    known[key] = known.get(key, 0.0) + sample.value
                else:
                    known[key] = max(known.get(key, sample.value), sample.value)
    registry = CollectorRegistry()
    registry.register(_Merged(families, values))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(
        self,
        families: dict[str, Metric],
        values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]],
    ) -> None:
        self._families = families
        self._values = values

    def collect(self) -> Iterator[Metric]:
        for name, family in self._families.items():
            metric = Metric(family.name, family.documentation, family.type)
            for (sample, labels), value in self._values[name].items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
