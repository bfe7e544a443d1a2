"""What the user may be disturbed for nothing: "1 per 30d", over all keys together."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from common.errors import UserError

# An alarm every few windows would say nothing, and one every window has no logarithm.
LEAST_WINDOWS_BETWEEN = 10.0

_HOUR = 3600.0
_DAY = 24 * _HOUR
_UNITS = {
    "h": _HOUR,
    "hour": _HOUR,
    "d": _DAY,
    "day": _DAY,
    "w": 7 * _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "quarter": 91 * _DAY,
    "y": 365 * _DAY,
    "year": 365 * _DAY,
}
_WORDING = re.compile(
    r"\s*(?P<count>\d+(?:\.\d+)?)\s*(?:per|/|in|a)\s*"
    r"(?P<periods>\d+(?:\.\d+)?)?\s*(?P<unit>[a-z]+?)s?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Budget:
    """At most `count` false alarms per `period` seconds, over all keys together, on average."""

    count: float
    period: float

    def __str__(self) -> str:
        size, unit = (_DAY, "d") if self.period >= _DAY else (_HOUR, "h")
        return f"{self.count:g} per {self.period / size:g}{unit}"

    def part(self, of: int) -> Budget:
        """One of so many equal parts, which add up to all of it."""
        return Budget(self.count / of, self.period)

    def threshold(self, keys: int, width: float) -> float:
        """How many windows must pass on average between two false alarms of one key.

        An e-detector that alarms at this value keeps the budget (Shin, Ramdas, Rinaldo 2022).
        At least `LEAST_WINDOWS_BETWEEN`, however generous the budget: it allows, it does not ask.

        Args:
            keys: how many keys share the budget equally.
            width: of a window, seconds.
        """
        return max(LEAST_WINDOWS_BETWEEN, max(1, keys) * self.period / (self.count * width))


def parse_budget(wording: str) -> Budget:
    """Read "1 per 30d", "2/week", "0.5 per 12 hours".

    Raises:
        UserError: not a count and a period, or either is zero or beyond what can be counted.
    """
    matched = _WORDING.fullmatch(wording)
    unit = _UNITS.get(matched["unit"].lower()) if matched else None
    if matched is None or unit is None:
        raise UserError(
            f"not a number of false alarms per time: {wording!r}",
            hint='Write it like "1 per 30d" or "2 per week".',
        )
    count, period = float(matched["count"]), float(matched["periods"] or 1) * unit
    if not (0 < count < math.inf and 0 < period < math.inf):
        raise UserError(
            f"no detector can promise that: {wording!r}",
            hint='Allow some false alarms, however rare, like "1 per 10 years".',
        )
    return Budget(count, period)
