"""A failure that lasts: told when it begins and when it is over, however often it is met."""

from __future__ import annotations

import logging


class Outage:
    """Of one thing that fails until it is mended; threads may share it.

    Args:
        what: is logged when it begins, with the error behind it.
        over: is logged when it ends.
    """

    def __init__(
        self, logger: logging.Logger, what: str, over: str, *, level: int = logging.WARNING
    ) -> None:
        self._logger = logger
        self._what = what
        self._over = over
        self._level = level
        self._lasts = False

    def met(self, error: BaseException) -> None:
        """It failed."""
        if not self._lasts:
            self._lasts = True
            self._logger.log(self._level, "%s: %s", self._what, error)

    def ended(self) -> None:
        """It did not fail."""
        if self._lasts:
            self._lasts = False
            self._logger.warning("%s", self._over)
