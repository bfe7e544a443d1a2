"""What an evaluation asks: whom, as of when, and which items are right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Int32, Int64, Mask

# A user with fewer events than this is called cold.
FEW_EVENTS = 5
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Queries:
    """One query a user, sorted by user.

    Attributes:
        users: [queries] numbers.
        as_of: [queries] seconds since 1970: only what was earlier may be looked at.
        relevant: the numbers of the items a user turned to later and had not met before, but for
            those that were not liked.
        cold_user: [queries], whether the user had fewer than five events by then.
        known_by: [items], how many users had met each before the cutoff.
        trained_users: how many users have any event before the cutoff.
        training_before: [users], `events.before(training_before)` is what may be trained on.
    """

    users: Int64
    as_of: Int64
    relevant: list[Int32]
    cold_user: Mask
    known_by: Int64
    trained_users: int
    training_before: Int64

    def __len__(self) -> int:
        return len(self.users)

    def where(self, kept: Mask) -> Queries:
        """Those of `kept` [queries]."""
        return replace(
            self,
            users=self.users[kept],
            as_of=self.as_of[kept],
            relevant=[self.relevant[row] for row in np.flatnonzero(kept)],
            cold_user=self.cold_user[kept],
        )

    @property
    def cold_item(self) -> Mask:
        """[items], whether nobody had met the item before the cutoff."""
        return np.asarray(self.known_by == 0)

    @property
    def cold_item_share(self) -> float:
        """Share of cold items among all that are relevant."""
        cold = [self.cold_item[items] for items in self.relevant]
        return float(np.concatenate(cold).mean()) if cold else 0.0


def build_queries(
    events: Events,
    catalogue: Catalogue,
    cutoff: int | Int64,
    end: int | Int64 = NEVER,
    *,
    fold_in: int = 10,
) -> Queries:
    """Queries about what users do from `cutoff` on, up to `end`.

    Who has an event before the cutoff is asked as of the cutoff. Who begins later is asked just
    after their own first `fold_in` events, none of which is trained on. Who does nothing new
    between then and the end is not asked.

    Args:
        cutoff, end: seconds since 1970, for all users or [users], such as the bounds of a
            `Timeline`.
    """
    cutoff = np.broadcast_to(np.asarray(cutoff, np.int64), events.users)
    as_of = _moments(events, cutoff, fold_in)
    moment, last = as_of[events.user], np.broadcast_to(end, events.users)[events.user]
    fresh = _first_meetings(events, len(catalogue))
    wanted = fresh & (events.weight > 0)
    later = events.where(wanted & (events.time >= moment) & (events.time < last))
    earlier = np.bincount(events.user[events.time < moment], minlength=events.users)
    users = np.flatnonzero(later.counts()).astype(np.int64)
    trained = events.where(fresh & (events.time < cutoff[events.user]))
    return Queries(
        users=users,
        as_of=as_of[users],
        relevant=[later.item[later.of(int(user))] for user in users],
        cold_user=earlier[users] < FEW_EVENTS,
        known_by=np.bincount(trained.item, minlength=len(catalogue)),
        trained_users=int(np.count_nonzero(trained.counts())),
        training_before=cutoff,
    )


def _first_meetings(events: Events, items: int) -> Mask:
    """[events], whether the user had no earlier event with the item."""
    _, first = np.unique(events.user.astype(np.int64) * items + events.item, return_index=True)
    fresh = np.zeros(len(events), np.bool_)
    fresh[first] = True
    return fresh


def _moments(events: Events, cutoff: Int64, fold_in: int) -> Int64:
    """[users], the cutoff, or just after the first `fold_in` events of who begins later."""
    as_of = np.full(events.users, NEVER, np.int64)
    began = np.flatnonzero(events.counts() > max(fold_in - 1, 0))
    # One second after the last of them, for the event that follows may bear the same time.
    as_of[began] = events.time[events.offsets[began] + max(fold_in - 1, 0)] + (fold_in > 0)
    earlier = np.bincount(events.user[events.time < cutoff[events.user]], minlength=events.users)
    return np.where(earlier > 0, cutoff, as_of)
