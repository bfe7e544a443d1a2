"""A command that serves `/metrics`, started as a user does, and what it tells there."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processes import Process
from prometheus_client.parser import text_string_to_metric_families

Scrape = Callable[[], dict[str, float]]


@contextmanager
def running_with_metrics(*arguments: str) -> Iterator[Scrape]:
    """Yields what scrapes it; ends it, and expects it to end well."""
    command = ("-m", "apps.finance_monitor", *arguments, "--metrics", 0)
    with Process(*command, stderr=subprocess.PIPE) as process:
        assert process.stderr
        said = (line.split() for line in process.stderr)
        address = next(words[1] for words in said if words[:1] == ["Metrics:"])
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield lambda: _scrape(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _scrape(address: str) -> dict[str, float]:
    with urllib.request.urlopen(address, timeout=30) as reply:
        families = text_string_to_metric_families(reply.read().decode())
        return {
            _named(sample.name, sample.labels): sample.value
            for family in families
            for sample in family.samples
        }


def _named(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def scrape_until(scrape: Scrape, name: str, value: float) -> dict[str, float]:
    """The figures once one of them is `value` or more."""
    deadline = time.monotonic() + 60
    while (counters := scrape()).get(name, 0) < value:
        assert time.monotonic() < deadline, counters
        time.sleep(0.1)
    return counters
