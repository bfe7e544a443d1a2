"""Reported events, in a database."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, FromClause, and_, case, delete, func, null, or_, select

from apps.recommender.interactions.behaviors import SHOWN
from apps.recommender.interactions.ratings import LONGEST_SCALE
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.reported import Done, Event
from apps.recommender.schema import ANONYMOUS
from common.errors import UserError
from common.learning.watching.probation import Count
from common.storage.database import Database
from common.storage.tables import events

ROWS_AT_ONCE = 100_000
DAY = 86_400
# Where rows wait, below the directory of the application.
SPOOL = "events.spool"
# A list is looked at for so long, in seconds, before its items count as not taken.
TIME_TO_TAKE = 1800.0
# From, to, seconds since 1970.
Periods = Sequence[tuple[float, float]]
TOOK_NOTHING = "users who took nothing of what they were shown"


class EventStore:
    """What was shown to the users of `application`, and what they did."""

    kinds: Mapping[str, type[BaseModel]] = {"event": Event}

    def __init__(self, database: Database, application: str) -> None:
        self.database = database
        self._own: ColumnElement[bool] = events.c.application == application
        self._application = application

    def add(self, rows: Sequence[Event]) -> None:
        """Keep rows, in one transaction; one whose id is there already is the same row again."""
        values = [{"application": self._application, **row.model_dump()} for row in rows]
        with self.database.writing() as connection:
            self.database.insert_new(connection, events, values)

    def latest(self, *, user_id: str | None = None, limit: int = 50) -> list[Event]:
        """The latest, oldest first; of a user, or of all."""
        wanted = [self._own] + ([] if user_id is None else [events.c.user_id == user_id])
        query = select(events).where(*wanted).order_by(events.c.at.desc(), events.c.id)
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Event.model_validate(row) for row in reversed(rows)]

    def done_by(self, user_id: str, since: float, limit: int) -> list[Event]:
        """The latest that a user did since then, seconds since 1970; oldest first."""
        own = events.c
        wanted = (self._own, own.user_id == user_id, own.behavior != SHOWN, own.at >= since)
        query = select(events).where(*wanted).order_by(own.at.desc(), own.id).limit(limit)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return [Event.model_validate(row) for row in reversed(rows)]

    def one(self, identity: str) -> Event:
        """An event by its id, or by the beginning of it.

        Raises:
            UserError: there is none, or there are several.
        """
        beginning = events.c.id.startswith(identity, autoescape=True)
        with self.database.reading() as connection:
            rows = connection.execute(select(events).where(self._own, beginning).limit(2)).all()
        if len(rows) != 1:
            several = "several begin so" if rows else "there is none"
            raise UserError(f"event {identity!r}: {several}", hint="See: feedback list")
        return Event.model_validate(rows[0])

    def blocks(self) -> Iterator[list[Mapping[str, Any]]]:
        """All events by user and time, as rows of the table, a block at a time."""
        query = select(events).where(self._own)
        ordered = query.order_by(events.c.user_id, events.c.at, events.c.id)
        with self.database.reading() as connection:
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(ordered)
            for block in found.mappings().partitions(ROWS_AT_ONCE):
                yield [dict(row) for row in block]

    def days(self, since: float, until: float) -> Iterator[list[Done]]:
        """What was done, a day (UTC) at a time; `since` and `until`: seconds since 1970."""
        own = events.c
        query = select(own.id, own.user_id, own.item_id, own.behavior, own.release_id, own.at)
        wanted = (self._own, own.behavior != SHOWN, own.at >= since, own.at < until)
        ordered = query.where(*wanted).order_by(own.at)
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(ordered)
            for _, day in groupby(rows, key=lambda row: row.at // DAY):
                yield [Done(*row[:-1]) for row in day]

    def counts(self) -> dict[str, int]:
        """How many events there are, by behaviour."""
        query = select(events.c.behavior, func.count()).where(self._own)
        with self.database.reading() as connection:
            rows = connection.execute(query.group_by(events.c.behavior)).all()
        return {str(name): int(count) for name, count in sorted(map(tuple, rows))}

    def outcomes(
        self, release_ids: Collection[str], disliking: Disliking
    ) -> dict[str, dict[str, Count]]:
        """How many users took nothing of what each release had shown to them, given the time.

        Each user counts once: a program that only looks is one of them.
        """
        shown, taken = events.alias(), events.alias()
        was_taken = select(taken.c.id).where(*_takes(taken, shown, disliking)).exists()
        which = (
            shown.c.application == self._application,
            shown.c.behavior == SHOWN,
            shown.c.release_id.in_(release_ids),
            shown.c.at < time.time() - TIME_TO_TAKE,
        )
        by = (shown.c.release_id, shown.c.user_id)
        rows = select(*by, case((was_taken, 0), else_=1).label("untaken")).where(*which).subquery()
        none_taken = func.min(rows.c.untaken).label("none_taken")
        of_users = select(rows.c.release_id, none_taken)
        each = of_users.group_by(rows.c.release_id, rows.c.user_id).subquery()
        query = select(each.c.release_id, func.sum(each.c.none_taken), func.count())
        with self.database.reading() as connection:
            found = connection.execute(query.group_by(each.c.release_id)).all()
        counts = {str(name): Count(int(none), int(users)) for name, none, users in found}
        return {name: {TOOK_NOTHING: counts.get(name, Count(0, 0))} for name in release_ids}

    def explored(self, most: float, disliking: Disliking) -> dict[str, tuple[int, int]]:
        """Item → how often it was shown, given time to take it, and how often it was taken.

        Args:
            most: the propensity that it was shown with is below.
        """
        shown, taken = events.alias(), events.alias()
        was_taken = select(taken.c.id).where(*_takes(taken, shown, disliking)).exists()
        query = select(shown.c.item_id, func.count(), func.sum(case((was_taken, 1), else_=0)))
        which = (
            shown.c.application == self._application,
            shown.c.behavior == SHOWN,
            shown.c.propensity < most,
            shown.c.at < time.time() - TIME_TO_TAKE,
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.where(*which).group_by(shown.c.item_id)).all()
        return {str(item): (int(count), int(taken)) for item, count, taken in rows}

    def ratings(self) -> list[float]:
        """The different ratings that were given; not all where they are amounts of something."""
        query = select(events.c.rating).where(self._own, events.c.rating.is_not(None)).distinct()
        with self.database.reading() as connection:
            return [
                float(one) for one in connection.execute(query.limit(2 * LONGEST_SCALE)).scalars()
            ]

    def shown_by(
        self, release_ids: Collection[str], periods: Periods
    ) -> Iterator[tuple[str, str, int]]:
        """Release, user, who has a name, and how many items were shown, given time to take them."""
        which = self._shown_by(release_ids, periods)
        by = (events.c.release_id, events.c.user_id)
        query = select(*by, func.count()).where(*which).group_by(*by)
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
            yield from (tuple(row) for row in rows)

    def taken_by(
        self,
        release_ids: Collection[str],
        periods: Periods,
        disliking: Disliking,
        *,
        by_name: bool = False,
    ) -> Iterator[tuple[str, str, str | None, int]]:
        """Release, user, behaviour and how many of the shown items were taken so.

        Args:
            by_name: None stands for any behaviour otherwise.
        """
        taken, shown = events.alias(), events.c
        name: Any = taken.c.behavior if by_name else null()
        by = (shown.release_id, shown.user_id)
        query = select(*by, name, func.count(func.distinct(shown.id))).where(
            *self._shown_by(release_ids, periods), *_takes(taken, events, disliking)
        )
        grouped = query.group_by(*by, *([name] if by_name else []))
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(grouped)
            yield from (tuple(row) for row in rows)

    def _shown_by(
        self, release_ids: Collection[str], periods: Periods
    ) -> tuple[ColumnElement[bool], ...]:
        own = events.c
        last = time.time() - TIME_TO_TAKE
        return (
            self._own,
            own.behavior == SHOWN,
            own.release_id.in_(release_ids),
            or_(*(and_(own.at >= begin, own.at < min(end, last)) for begin, end in periods)),
            own.user_id != ANONYMOUS,
        )

    def purge(self, user_id: str) -> int:
        """Delete all events of a user, down to their bytes; how many they were."""
        gone = self._delete(events.c.user_id == user_id)
        self.database.erase()
        return gone

    def forget_before(self, at: float) -> int:
        """Delete what is older than `at`, seconds since 1970; how many they were."""
        return self._delete(events.c.at < at)

    def _delete(self, which: ColumnElement[bool]) -> int:
        with self.database.writing() as connection:
            return connection.execute(delete(events).where(self._own, which)).rowcount


def _takes(taken: FromClause, shown: FromClause, disliking: Disliking) -> list[ColumnElement[bool]]:
    """When a row of `taken` says that the item of a row of `shown` was taken."""
    did, was = taken.c, shown.c
    found: list[ColumnElement[bool]] = [
        did.application == was.application,
        # By the index of users: of impressions there is none.
        did.user_id == was.user_id,
        did.impression_id == was.impression_id,
        did.item_id == was.item_id,
        did.behavior.not_in([SHOWN, *disliking.names]),
    ]
    if (least := disliking.least_rating) is not None:
        found.append(or_(did.rating.is_(None), did.rating >= least))
    return found
