"""What the server does, for Prometheus and for its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.serving.disconnect import CLIENT_GONE
from common.serving.workers.metrics import SharedMetrics

# The client chooses the method and the path: only known ones become labels.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNROUTED = "unrouted"
LABELS = ("route", "method", "status")
# A cached answer takes milliseconds, a generated one tens of seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

logger = logging.getLogger(__name__)


class Queue(Protocol):
    """What a batcher reports about itself."""

    @property
    def waiting(self) -> int: ...  # noqa: D102
    @property
    def last_batch_size(self) -> int: ...  # noqa: D102
    @property
    def rejected(self) -> int: ...  # noqa: D102


class Telemetry:
    """One application's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared: SharedMetrics | None = None
        self.in_flight = Gauge(
            "bizlm_http_in_flight", "Requests being answered", registry=self.registry
        )
        self._requests = Counter(
            "bizlm_http_requests", "Requests by their outcome", LABELS, registry=self.registry
        )
        self._seconds = Histogram(
            "bizlm_http_request_seconds",
            "From the request's head to the answer's end",
            LABELS,
            buckets=BUCKETS,
            registry=self.registry,
        )

    def watch(self, name: str, queue: Queue) -> None:
        """Show a batcher's queue length, batch size and refusals."""
        self.registry.register(_QueueMetrics(name, queue))

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        labels = (route, method if method in METHODS else "other", str(status))
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(seconds)

    def share(self, directory: Path) -> None:
        """Tell, from now on, of all processes that share in this directory."""
        self._shared = SharedMetrics(directory, self._own)
        self._shared.start()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self._shared.exposition() if self._shared else self._own()

    def _own(self) -> bytes:
        return generate_latest(self.registry)


class _QueueMetrics(Collector):
    def __init__(self, name: str, queue: Queue) -> None:
        self._name = name
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        gauges = (
            ("bizlm_queue_length", "Items waiting for a batch", self._queue.waiting),
            ("bizlm_batch_size", "Items in the latest batch", self._queue.last_batch_size),
        )
        for name, meaning, value in gauges:
            gauge = GaugeMetricFamily(name, meaning, labels=["queue"])
            gauge.add_metric([self._name], value)
            yield gauge
        rejected = CounterMetricFamily("bizlm_rejected", "Items refused", labels=["queue"])
        rejected.add_metric([self._name], self._queue.rejected)
        yield rejected


class RecordRequests:
    """ASGI middleware: metrics and one log line for each request, without what it asked."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        ended = False

        async def watched(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        started = perf_counter()
        with self._telemetry.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, watched)
                if not ended:
                    # A stream without listener ends early and without an error.
                    status = CLIENT_GONE
            except BaseException:
                status = 500
                raise
            finally:
                self._record(scope, status, perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._telemetry.record(route, scope["method"], status, seconds)
        fields = {
            "route": route,
            "method": scope["method"],
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        if name := scope.get("state", {}).get("api_key_name"):
            fields["api_key_name"] = name
        logger.info("request", extra={"fields": fields})


def _route(scope: Scope) -> str:
    # FastAPI keeps the path with the prefix of include_router here; the route has it without.
    context = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context, "path_format", None) or getattr(scope.get("route"), "path", None)
    return path or UNROUTED
