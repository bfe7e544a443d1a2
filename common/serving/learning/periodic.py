"""Something done again and again beside serving."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from common.files import NO_SPACE
from common.storage.database import DATABASE_TROUBLE
from common.storage.outage import Outage

logger = logging.getLogger(__name__)


class Periodic:
    """A thread that calls `once` every so many seconds; what goes wrong is logged, and it goes on.

    A database that is down and a disk that is full are told once, until they are mended.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str, once: Callable[[], object], seconds: float) -> None:
        self._once = once
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first call comes after the first pause."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the call that is running."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        name = self._thread.name
        outage = Outage(logger, f"{name} waits", f"{name} goes on")
        while not self._stop.wait(self._seconds):
            try:
                self._once()
                outage.ended()
            except Exception as error:
                is_full = isinstance(error, OSError) and error.errno in NO_SPACE
                if is_full or isinstance(error, DATABASE_TROUBLE):
                    outage.met(error)
                else:
                    logger.exception("%s failed", name)
