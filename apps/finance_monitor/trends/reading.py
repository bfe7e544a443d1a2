"""Closed windows by key, as they are kept, with prices beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from apps.finance_monitor.alerts.operations import exposed_now
from apps.finance_monitor.prices.live import PriceFile
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.keys import MARKET, kind_of, name_of

COUNTED = ("negative", "positive", "stories", "expected", "surprise")
# Of a quiet window nothing is kept, nor what was expected.
QUIET = dict.fromkeys(COUNTED, 0) | {"expected": None}


class Trends(BaseModel):
    """Windows by key; each key has an entry for each of `starts`."""

    width_seconds: float
    starts: list[str]
    keys: list[dict[str, Any]]


def read_trends(
    store: Store,
    wanted: Callable[[str], bool],
    *,
    since: float,
    now: float,
    width: float,
    prices: PriceFile | None = None,
) -> Trends:
    """The windows from one event time to another, by key, the market first, then the busiest.

    Companies that are exposed to an open alert are there with or without news.

    Args:
        wanted: which keys are read.
        since, now: in seconds; `now` is how far the feed was followed.
        width: of a window, in seconds.
    """
    found = store.trend(since)
    starts = sorted({row["start"] for rows in found.values() for row in rows})
    for key in exposed_now(store) if starts else ():
        found.setdefault(key, [])
    keys = [
        {
            "key": key,
            "name": name_of(key),
            "kind": kind_of(key),
            "stories": sum(row["stories"] for row in rows),
            "negative": sum(row["negative"] for row in rows),
            "windows": _filled(rows, starts),
            "prices": prices.between(key, starts[0], now) if prices else [],
        }
        for key, rows in found.items()
        if wanted(key)
    ]
    keys.sort(key=lambda one: (one["key"] != MARKET, -one["stories"], one["key"]))
    shown = [datetime.fromtimestamp(start, UTC).isoformat() for start in starts]
    return Trends(width_seconds=width, starts=shown, keys=keys)


def _filled(rows: Sequence[dict[str, Any]], starts: Sequence[float]) -> list[dict[str, Any]]:
    """One entry for each window."""
    by_start = {row["start"]: row for row in rows}
    return [
        {name: by_start[start][name] for name in COUNTED} if start in by_start else QUIET
        for start in starts
    ]
