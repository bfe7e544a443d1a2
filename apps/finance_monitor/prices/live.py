"""A file of prices that is read again when it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from apps.finance_monitor.prices.series import Series, read_prices
from apps.finance_monitor.stories.companies import EntityList
from common.console import say
from common.errors import UserError

DAY = 86400.0


class PriceFile:
    """The prices of a file as it stands.

    Args:
        listed: the companies that are watched now; a company is called there as it is here.

    Raises:
        UserError: at the start, as `read_prices`; later what was read before stays, and it is said.
    """

    def __init__(self, path: Path, listed: Callable[[], EntityList | None]) -> None:
        self._path = path
        self._ask = listed
        self._listed = listed()
        self._lock = Lock()
        self._changed_at = path.stat().st_mtime_ns
        self._series = read_prices(path, self._listed)

    def between(self, key: str, start: float, end: float) -> list[dict[str, Any]]:
        """The trading days of a key that touch a span of time, in their order."""
        series = self._current().get(key)
        if series is None:
            return []
        rows: Sequence[tuple[Any, float, float | None]] = [
            *zip(series.days, series.closes, series.volumes, strict=True)
        ]
        return [
            {"date": day.isoformat(), "close": close, "volume": volume}
            for day, close, volume in rows
            if start - DAY < _midnight(day) < end
        ]

    def _current(self) -> Mapping[str, Series]:
        with self._lock:
            try:
                changed_at = self._path.stat().st_mtime_ns
                listed = self._ask()
                if changed_at != self._changed_at or listed is not self._listed:
                    self._changed_at, self._listed = changed_at, listed
                    self._series = read_prices(self._path, self._listed)
            except (OSError, UserError) as error:
                say(f"The prices stay as they were: {error}")
            return self._series


def _midnight(day: Any) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
