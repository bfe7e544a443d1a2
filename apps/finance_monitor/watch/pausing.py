"""Reading stands still while nothing can be written or looked up."""

from __future__ import annotations

from threading import Event

from apps.finance_monitor.watch.counters import Pace
from common.console import say
from common.errors import UserError

RETRY_SECONDS = 5.0


class Pause:
    """Of one watch: told when it begins and when it is over, however often it was tried.

    Args:
        where: the place that cannot be written, for people.
    """

    def __init__(self, pace: Pace, where: str) -> None:
        self._pace = pace
        self._where = where

    def wait(self, error: Exception, stopping: Event | None) -> None:
        """Wait until it may be tried again.

        Raises:
            UserError: stopped meanwhile.
        """
        if not self._pace.disk_full:
            say(f"Cannot write; reading is paused: {error}")
            self._pace.disk_full = True
        if (stopping or Event()).wait(RETRY_SECONDS):
            raise UserError(
                f"stopped while nothing could be written: {error}",
                where=self._where,
                hint="Free some space, or start the database, and start again: it continues where"
                " it stopped.",
            ) from None

    def over(self) -> None:
        """It was written, or looked up."""
        if self._pace.disk_full:
            self._pace.disk_full = False
            say("It can be written again; reading goes on.")
