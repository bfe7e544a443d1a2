"""When a server learns by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.durations import parse_period
from common.errors import UserError

AT_ONCE, NIGHTLY = "at-once", "nightly"
# Local time: few ask then.
NIGHT_HOUR = 3


@dataclass(frozen=True)
class Schedule:
    """At once after each correction that counts alone, each night, or every so often.

    Attributes:
        period: between two runs; None: at once.
        at_night: `period` is a day, and it begins at night.
    """

    period: timedelta | None = None
    at_night: bool = False

    @property
    def at_once(self) -> bool:
        """Whether a correction sets it off."""
        return self.period is None

    def seconds_from(self, now: datetime) -> float | None:
        """Until the next run, from `now`, in local time; None: whenever it is asked for."""
        if not self.at_night:
            return self.period.total_seconds() if self.period else None
        next_one = now.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
        if next_one <= now:
            next_one += timedelta(days=1)
        return (next_one - now).total_seconds()


def parse_schedule(text: str | None) -> Schedule | None:
    """`at-once`, `nightly`, or a period such as `6h`; None: never.

    Raises:
        UserError: none of them.
    """
    if text is None:
        return None
    if text == AT_ONCE:
        return Schedule()
    if text == NIGHTLY:
        return Schedule(timedelta(days=1), at_night=True)
    try:
        return Schedule(parse_period(text))
    except UserError:
        raise UserError(
            f"--learn {text}: not a time to learn at",
            hint=f"{AT_ONCE}, {NIGHTLY}, or a period such as 6h",
        ) from None
