"""A history at hand, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from scipy.sparse import csr_array

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories, Int32
from apps.recommender.lists.rules import Rules
from apps.recommender.schema import BEHAVIORS, Interaction
from common.errors import UserError


def number_of(item_id: str, catalogue: Catalogue) -> int:
    """The number of an item.

    Raises:
        UserError: there is no such item.
    """
    if item_id not in catalogue.number:
        raise UserError(f"there is no item {item_id!r}")
    return catalogue.number[item_id]


def past_row(
    history: Sequence[Interaction], catalogue: Catalogue, length: int, as_of: int
) -> Histories:
    """The last `length` of a history, oldest first, as one row.

    Args:
        history: its weights say how an item was liked, 1: nothing.
        as_of: seconds since 1970; the moment is no earlier, and just after the last event.
    """
    latest = history[-length:]
    at = slice(length - len(latest), length)
    item, time = np.full((1, length), -1, np.int32), np.zeros((1, length), np.int64)
    behavior, weight = np.zeros((1, length), np.int8), np.zeros((1, length), np.float32)
    item[0, at] = [number_of(event.item_id, catalogue) for event in latest]
    behavior[0, at] = [BEHAVIORS.index(event.behavior) for event in latest]
    time[0, at] = [int(event.timestamp.timestamp()) for event in latest]
    weight[0, at] = [event.weight for event in latest]
    moment = max(as_of, int(time.max(initial=0)) + 1)
    return Histories(item, behavior, time, weight, np.array([moment]))


def joined(old: Histories, new: Histories, count: int) -> Histories:
    """One row: the last `count` events of another one behind those of the first."""
    length = new.item.shape[1]
    columns = {
        name: np.concatenate(
            [getattr(old, name)[:, count:], getattr(new, name)[:, length - count :]], 1
        )
        for name in ("item", "behavior", "time", "weight")
    }
    return Histories(**columns, as_of=new.as_of)


def with_session(known: Sequence[Interaction], session: Sequence[Interaction]) -> list[Interaction]:
    """Both, oldest first; what was reported, too, is taken from the session alone.

    A rating is kept, and an opinion unless the session has the same one.
    """
    said = {(event.item_id, event.behavior, event.weight) for event in session}
    before = [
        event
        for event in known
        if event.rating is not None or (event.item_id, event.behavior, event.weight) not in said
    ]
    return sorted([*before, *session], key=lambda event: event.timestamp)


def events_before(
    events: Events, user: int, user_id: str, catalogue: Catalogue, as_of: int
) -> list[Interaction]:
    """What a user of the data did before a moment (seconds since 1970), oldest first."""
    mine = events.of(user)
    columns = (events.item[mine], events.behavior[mine], events.time[mine])
    return [
        Interaction(
            user_id=user_id,
            item_id=catalogue.ids[item],
            behavior=BEHAVIORS[behavior],
            timestamp=datetime.fromtimestamp(time, UTC),
        )
        for item, behavior, time in zip(*(c.tolist() for c in columns), strict=True)
        if time < as_of
    ]


def kept_out(
    history: Sequence[Interaction], catalogue: Catalogue, rules: Rules, barred: Int32 | None = None
) -> csr_array:
    """[1, items], what is not to be shown again, what was not liked, and what is `barred`."""
    behavior = np.array([BEHAVIORS.index(event.behavior) for event in history], np.int8)
    item = np.array([number_of(event.item_id, catalogue) for event in history], np.int32)
    disliked = np.array([event.weight == 0 for event in history], np.bool_)
    item = np.unique(item[rules.excludes(behavior) | disliked])
    if barred is not None:
        item = np.union1d(item, barred).astype(np.int32)
    row = np.zeros(len(item), np.int32)
    return csr_array((np.ones(len(item), np.bool_), (row, item)), shape=(1, len(catalogue)))
