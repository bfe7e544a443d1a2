"""Several sources, asked again and again at the same time: politely, and through every outage.

What was read is known again by its id and its text; an item that was edited comes once more, under
another id, and is told as a near-copy like any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from time import monotonic, sleep, time
from typing import NamedTuple

from pydantic import Field, ValidationError

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.health import SourceHealth
from apps.finance_monitor.feeds.lines import explain, reject, sort
from apps.finance_monitor.feeds.sources.asking import Asking, Heard
from apps.finance_monitor.feeds.sources.fetching import LONGEST_PAUSE, Web
from apps.finance_monitor.feeds.sources.full_text import check_full_text
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, Source, iso, whole
from apps.finance_monitor.feeds.sources.syndication import EARLIEST
from apps.finance_monitor.schema import FeedRecord
from common.console import say

MOST_DOUBLINGS = 7
# A round waits so long for its slowest source, so that its items come in the order of their dates.
PATIENCE_SECONDS = 1.0


class SourcesPosition(Position):
    """What was read, by the key of each source."""

    known: dict[str, Known] = Field(default_factory=dict)


class _Waiting(NamedTuple):
    """An item that was fetched and is not handed out yet."""

    source: Source
    entry: Entry
    published: float
    is_edited: bool


@dataclass
class _Document:
    """What a source listed last, to be remembered once all of it is handed out."""

    answer: Answer
    listed: dict[str, str]
    waiting: int


@dataclass
class _State:
    """How one source does.

    Attributes:
        due: when it is asked next, seconds since 1970; infinite: never again.
        failures: in a row.
    """

    known: Known
    due: float = 0.0
    failures: int = 0
    error: str | None = None
    last_error: str | None = None
    failed_at: float | None = None
    heard_at: float | None = None
    read_until: float | None = None
    records: int = 0
    document: _Document | None = field(default=None)


class SourceFeed:
    """Items of several sources, those of one round in the order of their dates.

    An item without a date, or with one that is still to come, is dated when it is first seen.

    Args:
        once: ask each until it has nothing more, and end.
        clock: seconds since 1970.
        patience: seconds that a round waits for its slowest source.

    Raises:
        UserError: a source wants full texts, and the package that reads them is not installed.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        position: SourcesPosition | None = None,
        *,
        once: bool = False,
        clock: Callable[[], float] = time,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        if any(source.wants_full_text for source in sources):
            check_full_text()
        kept = position.known if position else {}
        self._sources = list(sources)
        self._states = {
            one.key: _State(kept.get(one.key, Known()).model_copy(deep=True)) for one in sources
        }
        self._names = _names(sources)
        self._once = once
        self._clock = clock
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._rejected: list[Rejected] = []
        self._web = Web()
        self._asking = Asking(self._web, clock)

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits for the first until all that were asked have answered.

        No longer than `timeout` where nothing is due, and than the patience where something is.
        """
        # While there is something to hand out, nobody is waited for.
        self._hear(0.0 if self._waiting else max(timeout, self._patience))
        if not (self._waiting or self._asking.count or self._once):
            soonest = min(state.due for state in self._states.values())
            sleep(min(timeout, max(0.0, soonest - self._clock())))
        records: list[FeedRecord] = []
        rejected, self._rejected = self._rejected, []
        while self._waiting and len(records) < max_records:
            sort(self._hand_out(self._waiting.popleft()), records, rejected)
        known = {key: one.known.model_copy(deep=True) for key, one in self._states.items()}
        position = SourcesPosition(known=known) if records or rejected else None
        health = self.health
        return Batch(
            records,
            rejected,
            position,
            len(self._waiting),
            self._is_over,
            {one.name: one.error for one in health if one.error},
            health,
        )

    def acknowledge(self, position: Position) -> None:
        """Nothing: a publisher keeps no account."""

    def close(self) -> None:
        """Let go of the connections; who is being asked is not waited for."""
        self._web.close()

    @property
    def health(self) -> list[SourceHealth]:
        """How each source stands."""
        now = self._clock()
        return [
            SourceHealth(
                name=self._names[source.key],
                kind=source.kind,
                heard_at=state.heard_at,
                error=state.error,
                last_error=state.last_error,
                failed_at=state.failed_at,
                next_try=state.due if isfinite(state.due) else None,
                behind=None if state.read_until is None else max(0.0, now - state.read_until),
                records=state.records,
            )
            for source in self._sources
            for state in [self._states[source.key]]
        ]

    @property
    def _is_over(self) -> bool:
        if self._waiting or self._asking.count:
            return False
        never = [state.due == float("inf") for state in self._states.values()]
        return all(never)

    def _ask_all_due(self) -> None:
        now = self._clock()
        for source in sorted(self._sources, key=lambda one: self._states[one.key].due):
            state = self._states[source.key]
            is_busy = self._asking.is_asking(source) or state.document is not None
            if state.due <= now and not is_busy and self._asking.may_ask(source):
                self._asking.ask(source, state.known)

    def _hear(self, seconds: float) -> None:
        """Ask all that are due, and wait until they have answered, or for so many seconds."""
        deadline = monotonic() + seconds
        found: list[_Waiting] = []
        while True:
            self._ask_all_due()
            heard = self._asking.take(deadline - monotonic()) if self._asking.count else None
            if heard is None:
                break
            if heard.answer is None:
                self._failed(heard)
            else:
                found += self._answered(heard, heard.answer)
        self._waiting.extend(sorted(found, key=lambda one: one.published))

    def _answered(self, heard: Heard, answer: Answer) -> list[_Waiting]:
        source, state = heard.source, self._states[heard.source.key]
        if state.failures:
            say(f"{source.label}: answers again")
        state.failures, state.error = 0, None
        state.heard_at = heard.at
        state.read_until = answer.read_until or heard.at
        pause = 0.0 if answer.has_more else max(source.every, heard.pause)
        state.due = heard.at + pause
        if self._once and not answer.has_more:
            state.due = float("inf")
        self._rejected += answer.rejected
        if answer.entries is None:
            return []
        state.document = _Document(answer, heard.listed or {}, len(heard.new))
        found = []
        for entry, is_edited in heard.new:
            published = heard.at
            if entry.published is not None and entry.published > EARLIEST:
                published = min(entry.published, heard.at)
            # An edited item becomes known with its edit, not when the first text did.
            found.append(_Waiting(source, entry, heard.at if is_edited else published, is_edited))
        self._remember(state)
        return found

    def _hand_out(self, one: _Waiting) -> FeedRecord | Rejected:
        source, entry = one.source, one.entry
        state = self._states[source.key]
        state.records += 1
        state.known.seen[entry.id] = entry.fingerprint
        assert state.document is not None
        state.document.waiting -= 1
        self._remember(state)
        try:
            return _record(one)
        except ValidationError as error:
            place = f"{self._names[source.key]} {entry.id}"
            return reject(place, explain(error), whole(f"{entry.title} {entry.summary}").encode())

    def _remember(self, state: _State) -> None:
        """Once all of a document is handed out, it need not come again, and older items may go."""
        document = state.document
        if document is not None and document.waiting == 0:
            answer = document.answer
            listed = {} if answer.forgets_listed else document.listed
            state.known = Known(
                etag=answer.etag,
                modified=answer.modified,
                seen={**answer.remembered, **listed},
                cursor=answer.cursor,
            )
            state.document = None

    def _failed(self, heard: Heard) -> None:
        source, state, now = heard.source, self._states[heard.source.key], self._clock()
        if not state.failures:
            # Not its address, which may hold a token.
            say(f"{self._names[source.key]}: {heard.error}; {source.host} is asked again later")
        state.failures += 1
        state.error = state.last_error = heard.error
        state.failed_at = now
        state.due = now + max(back_off(source.every, state.failures), heard.pause)
        if heard.is_gone:
            say(f"{source.label}: gone for good, and not asked any more")
        if heard.is_gone or self._once:
            state.due = float("inf")


def _record(one: _Waiting) -> FeedRecord:
    source, entry = one.source, one.entry
    identity = entry.id if "://" in entry.id else f"{source.key}#{entry.id}"
    return FeedRecord(
        id=f"{identity}#{entry.fingerprint[:8]}" if one.is_edited else identity,
        title=entry.title or None,
        text=None if entry.title else entry.summary,
        body=(entry.summary or None) if entry.title else None,
        published_at=iso(one.published),
        source=entry.source or source.label,
        language=source.language or entry.language,
        url=entry.url,
    )


def _names(sources: Sequence[Source]) -> dict[str, str]:
    """The label of each by its key; those of one label are numbered."""
    found: dict[str, str] = {}
    for source in sources:
        same = sum(1 for name in found.values() if name.partition(" #")[0] == source.label)
        found[source.key] = f"{source.label} #{same + 1}" if same else source.label
    return found


def back_off(every: float, failures: int) -> float:
    """Seconds until a source is asked again that failed so often: doubled up to an hour."""
    doubled = every * 2.0 ** min(failures, MOST_DOUBLINGS)
    return max(every, min(LONGEST_PAUSE, doubled))
