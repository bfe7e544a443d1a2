"""What is watched, for whom and when: read from the user's files, and again when they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from apps.finance_monitor.alerts.sinks import Sink
from apps.finance_monitor.exposure.relations import Exposures
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watchlists.audience import Subscribers
from common.console import say
from common.errors import UserError
from common.serving.settling import Settling

# A change of a file is seen within twice this time, once it has stayed as it is.
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Setup:
    """What a watch follows.

    Attributes:
        rules: with the watchlists and the calendar.
        exposures: which companies depend on which.
        subscribers: who receives what; None: every sink receives every alert.
        sinks: all receivers, those of the watchlists among them.
    """

    rules: Rules
    entities: EntityList | None = None
    exposures: Exposures | None = None
    subscribers: Subscribers | None = None
    sinks: Sequence[Sink] = ()


class LiveSetup:
    """A setup that is read again when one of its files changes; a broken one changes nothing.

    Args:
        files: that it is read from.
        read: reads all of them.

    Raises:
        UserError: at the start, as `read` does.
    """

    def __init__(self, files: Sequence[Path], read: Callable[[], Setup]) -> None:
        self._files = files
        self._read = read
        self._settling = Settling()
        self._has_settled()
        self.current = read()
        self._settling.done()
        self._looked = monotonic()
        self.refused: str | None = None

    def refresh(self) -> bool:
        """Look whether a file has changed, at most once in a while; True: it was read again."""
        if monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = monotonic()
        try:
            if not self._has_settled():
                return False
            self._settling.done()
            self.current = self._read()
        except UserError as error:
            self._refuse(str(error))
            return False
        self.refused = None
        say(f"Read again: {', '.join(path.name for path in self._files)}")
        return True

    def catch_up(self) -> None:
        """Read what changed while nobody looked; what is broken changes nothing here either."""
        try:
            self._has_settled()
            self._settling.done()
            self.current = self._read()
        except UserError as error:
            self._refuse(str(error))

    def _has_settled(self) -> bool:
        try:
            return self._settling.are_to_read(self._files)
        except OSError as error:
            raise UserError(f"it is gone: {error.strerror}", where=str(error.filename)) from None

    def _refuse(self, reason: str) -> None:
        if reason != self.refused:
            say(f"What is watched stays as it was: {reason}")
        self.refused = reason
