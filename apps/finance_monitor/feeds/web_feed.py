"""Feeds of the web, asked again and again: politely, and through every outage.

A conditional request spares the publisher what did not change. What was read is known again by
its id and its text; an item that was edited comes once more, under another id, and is told as a
near-copy like any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import sleep, time
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from apps.finance_monitor.feeds.feed import Batch, Position
from apps.finance_monitor.feeds.syndication import Entry, iso, read_entries
from apps.finance_monitor.feeds.web_sources import WebSource
from apps.finance_monitor.schema import FeedRecord
from common.console import say
from common.errors import UserError

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 15.0
LARGEST_BYTES = 16 * 1024 * 1024
LONGEST_PAUSE = 3600.0
MOST_DOUBLINGS = 7
USER_AGENT = "bizlm/0.1 (feed reader)"
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
NOT_MODIFIED, GONE = 304, 410


class Known(BaseModel):
    """What was read of one feed: by id, the fingerprint of each item that it still lists."""

    model_config = ConfigDict(extra="forbid")

    etag: str | None = None
    modified: str | None = None
    seen: dict[str, str] = {}


class WebPosition(Position):
    """What was read, by address."""

    known: dict[str, Known] = Field(default_factory=dict)


class _Waiting(NamedTuple):
    """An item that was fetched and is not handed out yet."""

    source: WebSource
    entry: Entry
    published: float
    edited: bool


@dataclass
class Health:
    """How one feed does.

    Attributes:
        due: when it is asked next, seconds since 1970; infinite: never again.
        failures: in a row.
    """

    name: str
    due: float = 0.0
    failures: int = 0
    error: str | None = None


@dataclass
class _Document:
    """What a feed listed last, to be remembered once all of it is handed out."""

    listed: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    modified: str | None = None
    waiting: int = 0


class WebFeed:
    """Items of several feeds, those of one round in the order of their dates.

    An item without a date, or with one that is still to come, is dated when it is first seen.

    Args:
        once: ask each once, and end.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        sources: Sequence[WebSource],
        position: WebPosition | None = None,
        *,
        once: bool = False,
        clock: Callable[[], float] = time,
    ) -> None:
        import httpx

        self._sources = list(sources)
        self._once = once
        self._clock = clock
        kept = position.known if position else {}
        self._known = {s.url: kept.get(s.url, Known()).model_copy(deep=True) for s in sources}
        self._documents: dict[str, _Document] = {}
        self._waiting: deque[_Waiting] = deque()
        self.health = {source.url: Health(source.label) for source in sources}
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
            headers={"User-Agent": USER_AGENT, "Accept": ACCEPT},
        )

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        if not self._waiting:
            self._ask_all_due()
        if not self._waiting and not self._once:
            soonest = min(health.due for health in self.health.values())
            sleep(min(timeout, max(0.0, soonest - self._clock())))
        records: list[FeedRecord] = []
        while self._waiting and len(records) < max_records:
            records.append(self._hand_out(self._waiting.popleft()))
        ended = not self._waiting and (self._once or self._all_gone)
        known = {url: one.model_copy(deep=True) for url, one in self._known.items()}
        position = WebPosition(known=known) if records else None
        return Batch(records, [], position, len(self._waiting), ended, self._outages)

    def acknowledge(self, position: Position) -> None:
        """Nothing: a publisher keeps no account."""

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    @property
    def _outages(self) -> dict[str, str]:
        return {one.name: one.error for one in self.health.values() if one.error}

    @property
    def _all_gone(self) -> bool:
        return all(health.due == float("inf") for health in self.health.values())

    def _ask_all_due(self) -> None:
        found: list[_Waiting] = []
        for source in self._sources:
            if self.health[source.url].due <= self._clock():
                found += self._ask(source)
        self._waiting.extend(sorted(found, key=lambda one: one.published))

    def _ask(self, source: WebSource) -> list[_Waiting]:
        """What is new in one feed; whatever goes wrong is told once, and tried again later."""
        import httpx

        health, now = self.health[source.url], self._clock()
        try:
            document, pause = self._fetch(source)
            entries = None if document is None else read_entries(document, source.zone)
        except httpx.HTTPStatusError as error:
            return self._failed(source, f"answers {error.response.status_code}", error.response)
        except (httpx.HTTPError, httpx.InvalidURL, UserError, ValueError) as error:
            reason = error.what if isinstance(error, UserError) else str(error) or repr(error)
            return self._failed(source, reason)
        if health.failures:
            say(f"{health.name}: answers again")
        health.failures, health.error = 0, None
        health.due = now + pause
        return [] if entries is None else self._new_of(source, entries, now)

    def _fetch(self, source: WebSource) -> tuple[bytes | None, float]:
        """The document, None where it did not change, and the seconds until it is asked again."""
        known = self._known[source.url]
        headers = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        sent = {name: value for name, value in headers.items() if value}
        with self._client.stream("GET", source.url, headers=sent) as answer:
            pause = max(source.every, _max_age(answer))
            if answer.status_code == NOT_MODIFIED:
                return None, pause
            answer.raise_for_status()
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise UserError(f"larger than {LARGEST_BYTES >> 20} MiB")
        self._documents[source.url] = _Document(
            etag=answer.headers.get("ETag"), modified=answer.headers.get("Last-Modified")
        )
        return bytes(content), pause

    def _new_of(self, source: WebSource, entries: Sequence[Entry], now: float) -> list[_Waiting]:
        known, document = self._known[source.url], self._documents[source.url]
        found: dict[str, _Waiting] = {}
        for entry in entries:
            if entry.id in document.listed:
                continue
            document.listed[entry.id] = entry.fingerprint
            before = known.seen.get(entry.id)
            if before == entry.fingerprint:
                continue
            published = now if entry.published is None else min(entry.published, now)
            # An edited item becomes known with its edit, not when the first text did.
            found[entry.id] = _Waiting(
                source, entry, now if before else published, before is not None
            )
        document.waiting = len(found)
        self._remember(source)
        return list(found.values())

    def _hand_out(self, one: _Waiting) -> FeedRecord:
        source, entry = one.source, one.entry
        identity = entry.id if "://" in entry.id else f"{source.url}#{entry.id}"
        record = FeedRecord(
            id=f"{identity}#{entry.fingerprint[:8]}" if one.edited else identity,
            title=entry.title or None,
            text=None if entry.title else entry.summary,
            body=(entry.summary or None) if entry.title else None,
            published_at=iso(one.published),
            source=source.label,
            language=source.language,
            url=entry.url,
        )
        self._known[source.url].seen[entry.id] = entry.fingerprint
        self._documents[source.url].waiting -= 1
        self._remember(source)
        return record

    def _remember(self, source: WebSource) -> None:
        """Once all of a document is handed out, it need not come again, and older items may go."""
        document = self._documents[source.url]
        if document.waiting == 0:
            self._known[source.url] = Known(
                etag=document.etag, modified=document.modified, seen=document.listed
            )

    def _failed(
        self, source: WebSource, reason: str, answer: httpx.Response | None = None
    ) -> list[_Waiting]:
        health = self.health[source.url]
        if not health.failures:
            say(f"{health.name}: {reason}; asked again later ({source.url})")
        health.failures += 1
        health.error = reason
        doubled = source.every * 2.0 ** min(health.failures, MOST_DOUBLINGS)
        pause = max(source.every, min(LONGEST_PAUSE, doubled))
        if answer is not None:
            pause = max(pause, _retry_after(answer, self._clock()))
            if answer.status_code == GONE:
                say(f"{health.name}: gone for good, and not asked any more")
                pause = float("inf")
        health.due = self._clock() + pause
        return []


def _max_age(answer: httpx.Response) -> float:
    """Seconds for which the publisher says that the answer holds, an hour at most."""
    for part in answer.headers.get("Cache-Control", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "max-age" and value.isdigit():
            return min(LONGEST_PAUSE, float(value))
    return 0.0


def _retry_after(answer: httpx.Response, now: float) -> float:
    """Seconds that the publisher asks to wait, a day at most."""
    value = answer.headers.get("Retry-After", "")
    if value.isdigit():
        return min(24 * LONGEST_PAUSE, float(value))
    try:
        return min(24 * LONGEST_PAUSE, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return 0.0
