"""What was recommended to each session, for as long as it lasts."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

MOST_SESSIONS, MOST_SHOWN = 100_000, 200
# Of analytics: a session that did nothing for so long, in seconds, is over.
LASTS = 1800.0


class Shown(Protocol):
    """Knows what was recommended to each session."""

    def of(self, session_id: str) -> list[str]:
        """What was shown to a session, the latest last."""

    def add(self, session_id: str, items: Iterable[str]) -> None:
        """Keep what was shown."""

    def forget(self, session_id: str) -> None:
        """Show it all again."""


class ShownInSessions:
    """Item ids by session, of the sessions that asked last; safe to use from several threads.

    In memory alone: a server that is started anew, or another one, knows nothing of them.

    Args:
        most_sessions: whoever asked longest ago is forgotten where there are more.
        most_shown: of a session, the latest so many.
        lasts: seconds after which a session that did not ask is forgotten.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        *,
        most_sessions: int = MOST_SESSIONS,
        most_shown: int = MOST_SHOWN,
        lasts: float = LASTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_sessions = most_sessions
        self._most_shown = most_shown
        self._lasts = lasts
        self._clock = clock
        self._lock = threading.Lock()
        # By when each asked last, the earliest first.
        self._of: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of)

    def of(self, session_id: str) -> list[str]:
        """What was shown to a session, the latest last."""
        with self._lock:
            self._forget_the_old()
            return list(self._of.get(session_id, (0.0, []))[1])

    def add(self, session_id: str, items: Iterable[str]) -> None:
        """Keep what was shown."""
        with self._lock:
            self._forget_the_old()
            _, shown = self._of.pop(session_id, (0.0, []))
            self._of[session_id] = (self._clock(), latest(shown, items, self._most_shown))
            if len(self._of) > self._most_sessions:
                self._of.popitem(last=False)

    def forget(self, session_id: str) -> None:
        """Show it all again."""
        with self._lock:
            self._of.pop(session_id, None)

    def _forget_the_old(self) -> None:
        over = self._clock() - self._lasts
        while self._of and next(iter(self._of.values()))[0] < over:
            self._of.popitem(last=False)


def latest(before: Iterable[str], items: Iterable[str], most: int) -> list[str]:
    """What was shown before and now, each item once, the latest so many, the latest last."""
    newest_first = dict.fromkeys([*reversed([*items]), *reversed([*before])])
    return [*newest_first][:most][::-1]
