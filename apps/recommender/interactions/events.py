"""What users did, as columns sorted by user and time; users and items are numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Events:
    """Rows sorted by user, then time, then the order of the file.

    Attributes:
        user, item: [events] numbers of users and items.
        behavior: [events] numbers into `schema.BEHAVIORS`.
        time: [events] seconds since 1970.
        weight: [events], what was thought of the item: 0 not liked, above 1 better than usual; 1
            where nothing was said.
        worth: [events], what it counts for to foresee the event, beside its behaviour.
        offsets: [users + 1]; the events of user u are `offsets[u]:offsets[u + 1]`.
    """

    user: Int32
    item: Int32
    behavior: NDArray[np.int8]
    time: Int64
    weight: NDArray[np.float32]
    worth: NDArray[np.float32]
    offsets: Int64

    def __len__(self) -> int:
        return len(self.user)

    @property
    def users(self) -> int:
        """Number of users, with or without events."""
        return len(self.offsets) - 1

    def of(self, user: int) -> slice:
        """Where the events of one user stand."""
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))

    def where(self, mask: Mask) -> Events:
        """The events that `mask` [events] keeps; users keep their numbers."""
        user = self.user[mask]
        return Events(
            user,
            self.item[mask],
            self.behavior[mask],
            self.time[mask],
            self.weight[mask],
            self.worth[mask],
            _offsets(user, self.users),
        )

    def before(self, cutoff: float | Int64) -> Events:
        """Events earlier than `cutoff`: one time, or one for each user."""
        return self.where(self.time < self._by_event(cutoff))

    def since(self, cutoff: float | Int64) -> Events:
        """Events at `cutoff` or later: one time, or one for each user."""
        return self.where(self.time >= self._by_event(cutoff))

    def counts(self) -> Int64:
        """[users], how many events each user has."""
        return np.diff(self.offsets)

    def _by_event(self, cutoff: float | Int64) -> float | Int64:
        return cutoff[self.user] if isinstance(cutoff, np.ndarray) else cutoff


def sorted_events(
    user: Int32,
    item: Int32,
    behavior: NDArray[np.int8],
    time: Int64,
    weight: NDArray[np.float32],
    *,
    users: int,
    worth: NDArray[np.float32] | None = None,
) -> Events:
    """Sort columns by user and time; what is equal in both stays in its order.

    Args:
        worth: default: 1 each.
    """
    order = np.lexsort((time, user))
    user = user[order].astype(np.int32)
    return Events(
        user,
        item[order].astype(np.int32),
        behavior[order].astype(np.int8),
        time[order].astype(np.int64),
        weight[order].astype(np.float32),
        np.ones(len(order), np.float32) if worth is None else worth[order].astype(np.float32),
        _offsets(user, users),
    )


def _offsets(user: Int32, users: int) -> Int64:
    return np.concatenate([[0], np.cumsum(np.bincount(user, minlength=users))]).astype(np.int64)


@dataclass(frozen=True)
class Impressions:
    """What was shown, and whether it was taken; sorted by impression.

    Attributes:
        impression: [rows] numbers; rows of one number were shown together to one user.
        user, item: [rows] numbers.
        label: [rows], 1 taken, 0 not.
        time: [rows] seconds since 1970.
    """

    impression: Int32
    user: Int32
    item: Int32
    label: NDArray[np.int8]
    time: Int64

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: Mask) -> Impressions:
        """The rows that `mask` [rows] keeps."""
        return Impressions(
            self.impression[mask],
            self.user[mask],
            self.item[mask],
            self.label[mask],
            self.time[mask],
        )


@dataclass(frozen=True)
class Histories:
    """What some users did last before a moment of their own, oldest first, filled from the right.

    Attributes:
        item: [rows, length] item numbers, -1 where there is nothing.
        behavior: [rows, length], 0 where there is nothing.
        time: [rows, length] seconds, 0 where there is nothing.
        weight: [rows, length], 0 where there is nothing.
        as_of: [rows] seconds: the moment that is predicted for.
    """

    item: Int32
    behavior: NDArray[np.int8]
    time: Int64
    weight: NDArray[np.float32]
    as_of: Int64

    def __len__(self) -> int:
        return len(self.item)

    def row(self, number: int) -> Histories:
        """One of them, [1, length]."""
        return self.rows(slice(number, number + 1))

    def rows(self, part: slice) -> Histories:
        """Some of them."""
        return Histories(
            self.item[part],
            self.behavior[part],
            self.time[part],
            self.weight[part],
            self.as_of[part],
        )


def histories(events: Events, users: Int64, as_of: Int64, length: int = 50) -> Histories:
    """The last `length` events of each of `users` [rows] earlier than its `as_of` [rows]."""
    starts = events.offsets[users]
    ends = starts + _earlier(events, users, as_of)
    places = ends[:, None] - length + np.arange(length)
    empty = places < starts[:, None]
    places = np.where(empty, 0, places)

    def column(values: NDArray[Any], filling: int) -> NDArray[Any]:
        if not len(values):
            return np.full(places.shape, filling, values.dtype)
        return np.where(empty, np.array(filling, values.dtype), values[places])

    return Histories(
        item=column(events.item, -1),
        behavior=column(events.behavior, 0),
        time=column(events.time, 0),
        weight=column(events.weight, 0),
        as_of=as_of,
    )


def _earlier(events: Events, users: Int64, as_of: Int64) -> Int64:
    """How many events each user has before its moment."""
    return np.array(
        [
            np.searchsorted(events.time[events.of(int(user))], moment)
            for user, moment in zip(users, as_of, strict=True)
        ],
        np.int64,
    ).reshape(len(users))
