"""HTTP routes: what was shown to users and what they did, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.recommender.interactions.behaviors import LONGEST_NAME, SHOWN, Behaviors
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.recent import SharedRecentEvents, interaction_of
from apps.recommender.learning.reported import Event, event_id
from apps.recommender.learning.store import SPOOL, EventStore
from common.learning.behind import KEEP_SECONDS, BehindWriter, Fate
from common.learning.watching.probation import Count
from common.records.fields import Text, Time
from common.releases.registry import Registry
from common.serving.learning.feedback import WriterMetrics
from common.serving.learning.process import LearningProcess, learning_process
from common.serving.learning.releases import watch_probation
from common.serving.learning.schedule import Schedule
from common.serving.speakers import Speakers
from common.serving.switching.live import LiveRelease
from common.serving.telemetry import Telemetry
from common.storage.audit_log import AuditLog
from common.storage.database import DATABASE, Database

APPLICATION = "recommender"
# What lies further ahead of the clock is a mistake.
CLOCK_TOLERANCE = timedelta(days=1)
MOST_EVENTS, MOST_SHOWN = 1000, 200
LAST_POSITION = 1_000_000

# PostgreSQL keeps no NUL.
Id = Annotated[Text, Field(max_length=200, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class DoneEvent(_Body):
    """One thing that a user did; without `timestamp`, just now."""

    user_id: Id
    item_id: Id
    behavior: Annotated[Text, Field(max_length=LONGEST_NAME)] = "click"
    timestamp: Time | None = None
    rating: float | None = Field(None, allow_inf_nan=False)
    impression_id: Id | None = Field(None, description="What was shown when it was done.")
    position: int | None = Field(
        None, ge=1, le=LAST_POSITION, description="The item's place there, from 1."
    )
    event_id: Id | None = Field(None, description="The shop's own: reported twice, it counts once.")


class ShownItem(_Body):
    """One item that was shown."""

    item_id: Id
    propensity: float | None = Field(
        None, gt=0, le=1, description="How probable it was that it would be shown there."
    )


class ShownList(_Body):
    """Items that were shown to a user together, the first place first."""

    impression_id: Id
    user_id: Id
    timestamp: Time | None = None
    items: Annotated[list[ShownItem], Field(min_length=1, max_length=MOST_SHOWN)]


class EventsRequest(_Body):
    """Body of `POST /v1/events`."""

    events: Annotated[list[DoneEvent], Field(max_length=MOST_EVENTS)] = []
    shown: Annotated[list[ShownList], Field(max_length=MOST_EVENTS)] = []

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.events and not self.shown:
            raise ValueError("neither events nor shown")
        return self


class EventsReceipt(BaseModel):
    """How many rows were kept, and which items the catalogue that serves does not hold."""

    kept: int
    unknown_items: list[str]


class EventCollector:
    """Keeps what is reported, and tells the rankings of it at once.

    Attributes:
        behaviors: knows the names of what was done.
    """

    def __init__(
        self,
        writer: BehindWriter[EventStore],
        registry: Registry,
        speakers: Speakers,
        learner: LearningProcess | None = None,
    ) -> None:
        self.writer = writer
        self.recent: RecentEvents = RecentEvents()
        self.registry = registry
        self.speakers = speakers
        log = AuditLog(writer.store.database, APPLICATION)
        self._probation = watch_probation(registry, self._outcomes, log)
        self._learner = learner
        self.behaviors: Callable[[], Behaviors] = Behaviors

    def share(self, behaviors: Callable[[], Behaviors]) -> None:
        """Know what is reported to other processes, too; before anything is loaded.

        Args:
            behaviors: knows the names of what was done.
        """
        self.recent = SharedRecentEvents(self.writer.store, behaviors)

    def start(self) -> None:
        """Begin to write, to watch what was promoted, and to learn."""
        self.writer.start()
        self._probation.start()
        if self._learner:
            self._learner.start()

    def stop(self) -> None:
        """Write what is waiting; what is being learned is given up, and nothing is lost by it."""
        self._probation.stop()
        if self._learner:
            self._learner.stop()
        self.writer.stop()

    def drifted(self) -> None:
        """Learn, whatever the schedule: what is done is of another kind."""
        if self._learner:
            self._learner.request()

    def _outcomes(self, release_ids: Collection[str]) -> Mapping[str, Mapping[str, Count]]:
        store = self.writer.store
        disliking = Disliking.of(store.counts(), store.ratings(), self.behaviors())
        return store.outcomes(release_ids, disliking)

    async def add(self, rows: list[Event]) -> bool:
        """Keep rows: in the database, or in the spool beside it; False: neither took all."""
        # Those that the rows were checked by: another release may serve once they are written.
        behaviors = self.behaviors()
        if await asyncio.to_thread(self.writer.write, *rows) is Fate.LOST:
            return False
        for row in rows:
            if row.behavior != SHOWN:
                self.recent.add(row.id, interaction_of(row, behaviors))
        return True


def collect_events(
    registry: Registry,
    *,
    database: str | Path | None = None,
    keep_seconds: float = KEEP_SECONDS,
    trusted_keys: Collection[str] = (),
    has_keys: bool = False,
    schedule: Schedule | None = None,
    files: Sequence[str] = (),
) -> EventCollector:
    """What collects events.

    Args:
        database: where they are kept; None: in the store.
        keep_seconds: how long they are kept.
        trusted_keys, has_keys: see `Speakers`.
        schedule: when to learn, and promote what passes the gate; None: never.
        files: the options of `learn` that name the user's files.
    """
    place = database or registry.root.parent / DATABASE
    opened = Database(place)
    spool = registry.root / SPOOL
    writer = BehindWriter(EventStore(opened, APPLICATION), spool, keep_seconds=keep_seconds)
    speakers = Speakers(registry.root, trusted_keys, has_keys=has_keys)
    learner = learning_process(registry, APPLICATION, place, schedule, files)
    return EventCollector(writer, registry, speakers, learner)


def add_events(
    app: FastAPI,
    live: LiveRelease[Any],
    collector: EventCollector,
    telemetry: Telemetry,
    release_of: Callable[[str], str] | None = None,
) -> None:
    """Add `POST /v1/events`.

    Args:
        release_of: whose lists a user is shown; None: those of the release that serves.
    """
    made_by = release_of or (lambda _: live.release_id)
    collector.behaviors = lambda: live.current.behaviors
    telemetry.registry.register(WriterMetrics(collector.writer))

    @app.post("/v1/events", tags=["events"], status_code=201, summary="What was shown and done")
    async def events(reported: EventsRequest, request: Request) -> EventsReceipt:
        now = datetime.now(UTC)
        _check_times(reported, now + CLOCK_TOLERANCE)
        _check_behaviors(reported, collector.behaviors())
        source = collector.speakers.of(request).source
        rows = [*_done(reported.events, now, source, made_by)]
        rows += _shown(reported.shown, now, source, made_by)
        if not await collector.add(rows):
            raise HTTPException(503, "The events could not be kept; report them again.")
        known = live.current.catalogue.number
        unknown = sorted({row.item_id for row in rows if row.item_id not in known})
        return EventsReceipt(kept=len(rows), unknown_items=unknown)


def _check_times(reported: EventsRequest, latest: datetime) -> None:
    for name in ("events", "shown"):
        for place, one in enumerate(getattr(reported, name)):
            if one.timestamp and one.timestamp > latest:
                raise HTTPException(
                    422, f"{name}[{place}]: {one.timestamp.isoformat()} is ahead of the clock."
                )


def _check_behaviors(reported: EventsRequest, behaviors: Behaviors) -> None:
    for place, one in enumerate(reported.events):
        try:
            behaviors.read(one.behavior)
        except ValueError as error:
            raise HTTPException(422, f"events[{place}].behavior: {error}") from None


def _done(
    events: Iterable[DoneEvent], now: datetime, source: str, release_of: Callable[[str], str]
) -> Iterable[Event]:
    for one in events:
        said = one.model_dump(exclude={"event_id", "timestamp"})
        at = (one.timestamp or now).timestamp()
        identity = event_id(one.event_id, at, *said.values())
        release_id = release_of(one.user_id)
        yield Event(id=identity, at=at, source=source, release_id=release_id, **said)


def _shown(
    lists: Iterable[ShownList], now: datetime, source: str, release_of: Callable[[str], str]
) -> Iterable[Event]:
    for one in lists:
        at = (one.timestamp or now).timestamp()
        for place, item in enumerate(one.items, start=1):
            yield Event(
                id=event_id(None, SHOWN, one.user_id, one.impression_id, place, item.item_id),
                at=at,
                source=source,
                user_id=one.user_id,
                item_id=item.item_id,
                behavior=SHOWN,
                impression_id=one.impression_id,
                position=place,
                propensity=item.propensity,
                release_id=release_of(one.user_id),
            )
