"""What users did of late, by whichever process it was reported to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.recent import MOST_EVENTS, RecentEvents
from apps.recommender.learning.reported import Event
from apps.recommender.learning.store import DAY, EventStore
from apps.recommender.schema import Interaction
from common.storage.database import DATABASE_TROUBLE
from common.storage.outage import Outage

# What is reported was done within this time before the server began, or is known from the data.
LATE_SECONDS = float(DAY)

logger = logging.getLogger(__name__)


class SharedRecentEvents(RecentEvents):
    """Those in the database, beside this process's own; while that is down, these alone.

    Args:
        behaviors: knows the names of what was done.
    """

    def __init__(self, store: EventStore, behaviors: Callable[[], Behaviors]) -> None:
        super().__init__()
        self._store = store
        self._behaviors = behaviors
        self._since = time.time() - LATE_SECONDS
        self._outage = Outage(
            logger,
            "what was reported elsewhere is not known",
            "what was reported elsewhere is known again",
        )

    def of(self, user_id: str) -> list[Interaction]:
        """The events of a user, oldest first."""
        own = super().of(user_id)
        if "\x00" in user_id:
            # PostgreSQL keeps none, and is not to be asked for one.
            return own
        try:
            rows = self._store.done_by(user_id, self._since, MOST_EVENTS)
        except DATABASE_TROUBLE as error:
            self._outage.met(error)
            return own
        self._outage.ended()
        behaviors = self._behaviors()
        found = []
        for row in rows:
            # An older release may have known names that this one does not.
            with suppress(ValueError):
                found.append(interaction_of(row, behaviors))
        # Written behind: a row that waits in a file is known to this process alone.
        found += [event for event in own if event not in found]
        return sorted(found, key=lambda event: event.timestamp)[-MOST_EVENTS:]


def interaction_of(row: Event, behaviors: Behaviors) -> Interaction:
    """What was done, as rankings know it; what a rating says, they know by those of the data.

    Raises:
        ValueError: nobody knows this name of a behaviour.
    """
    meaning = behaviors.read(row.behavior)
    return Interaction(
        **row.model_dump(include={"user_id", "item_id", "rating", "impression_id"}),
        behavior=meaning.behavior,
        weight=meaning.liking,
        timestamp=datetime.fromtimestamp(row.at, UTC),
    )
