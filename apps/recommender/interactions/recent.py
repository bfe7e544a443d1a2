"""What users did since the data was read, in memory, so that the next ranking knows of it."""

from __future__ import annotations

import threading
from collections import OrderedDict

from apps.recommender.schema import Interaction

MOST_USERS = 100_000
MOST_EVENTS = 50


class RecentEvents:
    """The latest events of the users who were last heard of; safe to use from several threads."""

    def __init__(self, *, most_users: int = MOST_USERS, most_events: int = MOST_EVENTS) -> None:
        self._most_users = most_users
        self._most_events = most_events
        self._lock = threading.Lock()
        self._of: OrderedDict[str, OrderedDict[str, Interaction]] = OrderedDict()

    def add(self, identity: str, event: Interaction) -> None:
        """Take one, once; whoever was heard of longest ago is forgotten where there are too many.

        Args:
            identity: the same for the same event.
        """
        with self._lock:
            of_user = self._of.setdefault(event.user_id, OrderedDict())
            of_user.setdefault(identity, event)
            if len(of_user) > self._most_events:
                of_user.popitem(last=False)
            self._of.move_to_end(event.user_id)
            if len(self._of) > self._most_users:
                self._of.popitem(last=False)

    def of(self, user_id: str) -> list[Interaction]:
        """The events of a user, oldest first."""
        with self._lock:
            found = list(self._of.get(user_id, {}).values())
        return sorted(found, key=lambda event: event.timestamp)
