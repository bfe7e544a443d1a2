"""What Prometheus may know of tickets."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.customer_service.tickets.desk import TicketDesk
from common.storage.database import DATABASE_TROUBLE


class TicketMetrics(Collector):
    """Tickets that are open, how long customers wait, and what the help desk was told."""

    def __init__(self, desk: TicketDesk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:  # noqa: D102
        writer, delivery = self._desk.writer, self._desk.delivery
        counters = [
            (
                "bizlm_tickets_refused",
                "Messages that no ticket could take",
                self._desk.store.refused,
            ),
            ("bizlm_tickets_lost", "Messages to people that nothing could take", writer.lost),
        ]
        if delivery:
            counters += [
                ("bizlm_tickets_delivered", "Events that the help desk took", delivery.delivered),
                ("bizlm_tickets_failed", "Attempts that failed", delivery.failed),
            ]
        for name, meaning, value in counters:
            yield CounterMetricFamily(name, meaning, value=value)
        for name, meaning, now in self._gauges():
            yield GaugeMetricFamily(name, meaning, value=now)

    def _gauges(self) -> list[tuple[str, str, float]]:
        """From the database; none where it does not answer."""
        desk = self._desk
        try:
            is_open = desk.waits.counts().get("open", 0)
            since = desk.waits.since()
            waiting, aside = desk.delivery.events.counts() if desk.delivery else (0, 0)
        except DATABASE_TROUBLE:
            return []
        longest = time.time() - since if since else 0.0
        found = [
            ("bizlm_tickets_open", "Tickets that are open", is_open),
            ("bizlm_tickets_waiting_seconds", "How long the longest wait goes on", longest),
        ]
        if desk.delivery:
            found += [
                ("bizlm_tickets_undelivered", "Events that wait for the help desk", waiting),
                ("bizlm_tickets_set_aside", "Events that the help desk refused for good", aside),
            ]
        return found
