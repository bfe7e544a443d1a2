"""The HTTP route of trends."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from apps.finance_monitor.search.server import list_named
from apps.finance_monitor.surges.keys import name_of
from apps.finance_monitor.trends.reading import Trends, read_trends
from apps.finance_monitor.watch.service import MonitorService


def add_trends(app: FastAPI, service: MonitorService) -> None:
    """Add the route."""

    @app.get("/v1/trends", tags=["reading"], summary="Counts by window and key")
    def trends(
        hours: Annotated[float, Query(gt=0, le=24 * 60)] = 48.0,
        key: str | None = None,
        watchlist: str | None = None,
    ) -> Trends:
        watched = list_named(service, watchlist)

        def is_wanted(one: str) -> bool:
            is_watched = watched is None or one in watched.keys
            return is_watched and (key is None or key in {one, name_of(one)})

        monitor = service.watch.monitor
        now = monitor.clock.now or 0.0
        return read_trends(
            service.watch.store,
            is_wanted,
            since=now - hours * 3600,
            now=now,
            width=monitor.rules.width,
            prices=service.prices,
        )
