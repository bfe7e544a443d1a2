"""What is known of each user: the data that was read, and what was reported since."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.recommender.interactions.events import Histories, histories
from apps.recommender.interactions.ratings import RatingScale
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.schema import BEHAVIORS, Interaction
from apps.recommender.sessions.past import events_before, joined, number_of, past_row
from common.errors import UserError


class KnownUsers:
    """The users of some data, by their ids.

    Args:
        recent: what they did since the data was read.
        ratings: those of the data, by which a new one is read.
        length: of a history, in events.

    Attributes:
        ids: of the users of the data.
    """

    def __init__(
        self, prepared: Prepared, recent: RecentEvents, ratings: RatingScale, length: int
    ) -> None:
        self.ids = UserIds(prepared.user_ids)
        self._prepared = prepared
        self._catalogue = prepared.catalogue
        self._recent = recent
        self._ratings = ratings
        self._length = length

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""
        return user_id in self.ids or bool(self.recent_of(user_id))

    def number(self, user_id: str) -> int:
        """The row of a user of the data.

        Raises:
            UserError: the user is not known.
        """
        if user_id not in self.ids:
            raise UserError(f"there is no user {user_id!r}")
        return self.ids.number[user_id]

    def history(self, user_id: str) -> list[Interaction]:
        """What a user did before the moment that is ranked for and was reported since.

        Raises:
            UserError: the user is not known.
        """
        recent = self.recent_of(user_id)
        if recent and user_id not in self.ids:
            return recent
        number, as_of = self.number(user_id), self._prepared.as_of
        known = events_before(self._prepared.events, number, user_id, self._catalogue, as_of)
        return [*known, *recent]

    def past(self, user_id: str) -> Histories:
        """What a user is ranked by, one row.

        Raises:
            UserError: the user is not known.
        """
        recent = self.recent_of(user_id)
        if recent and user_id not in self.ids:
            return self.past_of(recent)
        return self.past_with(self.number(user_id), recent)

    def recent_of(self, user_id: str) -> list[Interaction]:
        """What was reported of a user, and is not in the data that was read."""
        found = [
            event.model_copy(update={"weight": self._ratings.weight(event.rating, event.weight)})
            for event in self._recent.of(user_id)
            if event.item_id in self._catalogue.number
        ]
        if not found or user_id not in self.ids:
            return found
        events, mine = self._prepared.events, self._prepared.events.of(self.number(user_id))
        columns = (events.item[mine], events.behavior[mine], events.time[mine])
        read = set(zip(*(column.tolist() for column in columns), strict=True))
        return [event for event in found if self._as_row(event) not in read]

    def past_of(self, history: Sequence[Interaction]) -> Histories:
        """What was liked of a history at hand, oldest first, as one row.

        Raises:
            UserError: an item of it is not known.
        """
        liked = self._liked(history)
        return past_row(liked, self._catalogue, self._length, self._prepared.as_of)

    def past_with(self, number: int, recent: Sequence[Interaction]) -> Histories:
        """The history of a user of the data, with what was liked of late at its end."""
        # Without any, the moment is that of the data.
        new = self.past_of(recent)
        old = histories(self._prepared.events, np.array([number]), new.as_of, self._length)
        return joined(old, new, min(len(self._liked(recent)), self._length))

    def _liked(self, history: Sequence[Interaction]) -> list[Interaction]:
        """What speaks for its item; a rating beside no others says nothing yet."""
        is_read = self._ratings.mean is not None
        return [e for e in history if e.weight > 0 and (e.rating is None or is_read)]

    def _as_row(self, event: Interaction) -> tuple[int, int, int]:
        at = int(event.timestamp.timestamp())
        return number_of(event.item_id, self._catalogue), BEHAVIORS.index(event.behavior), at
