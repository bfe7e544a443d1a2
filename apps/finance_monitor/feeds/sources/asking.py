"""Sources asked at the same time, each in a thread of its own, and what of their answers is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import NamedTuple

from apps.finance_monitor.feeds.sources.fetching import Web, asked_pause
from apps.finance_monitor.feeds.sources.full_text import (
    READING_SECONDS,
    lacks_text,
    with_full_text,
)
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, Source
from common.console import say
from common.errors import UserError

AT_ONCE = 8
GONE = 410


class New(NamedTuple):
    """An entry that was not read before, or was edited since."""

    entry: Entry
    is_edited: bool


@dataclass(frozen=True)
class Heard:
    """What came of asking one source.

    Attributes:
        at: when it was asked, seconds since 1970.
        answer: None: it failed.
        listed: the fingerprint of each entry that it lists, by id.
        error: why it failed.
        pause: seconds that it wants to be left alone for.
        is_gone: it is not to be asked again.
    """

    source: Source
    at: float
    answer: Answer | None = None
    listed: dict[str, str] | None = None
    new: Sequence[New] = ()
    error: str | None = None
    pause: float = 0.0
    is_gone: bool = False


class Asking:
    """Asks sources in threads; `AT_ONCE` at most, and no host twice at a time.

    Args:
        clock: seconds since 1970.
        reads_pages: reads the pages behind links, for sources that want it.
    """

    def __init__(self, web: Web, clock: Callable[[], float], *, reads_pages: bool = True) -> None:
        self._web = web
        self._reads_pages = reads_pages
        self._clock = clock
        self._hosts: dict[str, str] = {}
        self._heard: SimpleQueue[Heard] = SimpleQueue()

    @property
    def count(self) -> int:
        """How many are being asked."""
        return len(self._hosts)

    def is_asking(self, source: Source) -> bool:
        """Whether it has yet to answer."""
        return source.key in self._hosts

    def may_ask(self, source: Source) -> bool:
        """Whether there is a place free, and its host is not being asked."""
        return self.count < AT_ONCE and source.host not in self._hosts.values()

    def ask(self, source: Source, known: Known) -> None:
        """Begin to ask it; the thread ends with the process, whatever the source does."""
        self._hosts[source.key] = source.host
        # What is known changes while a source is asked; the thread has a copy of its own.
        kept = known.model_copy(deep=True)

        def work() -> None:
            heard = hear(source, kept, self._web, self._clock(), reads_pages=self._reads_pages)
            self._heard.put(heard)

        Thread(target=work, name=f"ask {source.label}", daemon=True).start()

    def take(self, seconds: float) -> Heard | None:
        """What was heard first; None: nothing within so many seconds."""
        try:
            heard = self._heard.get(timeout=seconds) if seconds > 0 else self._heard.get_nowait()
        except Empty:
            return None
        del self._hosts[heard.source.key]
        return heard


def ask_each(sources: Sequence[Source]) -> Iterator[Heard]:
    """What each says when nothing is known of it, as they answer; no page is read."""
    from time import time

    waiting = list(sources)
    asking = Asking(Web(), time, reads_pages=False)
    while waiting or asking.count:
        for source in [one for one in waiting if asking.may_ask(one)]:
            if asking.may_ask(source):
                waiting.remove(source)
                asking.ask(source, Known())
        if heard := asking.take(1.0):
            yield heard


def hear(source: Source, known: Known, web: Web, now: float, *, reads_pages: bool = True) -> Heard:
    """Ask a source; whatever goes wrong is in what is heard, and never raised."""
    import httpx

    try:
        answer = source.ask(known, web, now)
        listed, new = _new_of(answer, known)
        if source.wants_full_text and reads_pages:
            new = _with_pages(source, new, web)
            # A bare link whose page could not be read is tried again while it is listed.
            wordless = {one.entry.id for one in new if not one.entry.title + one.entry.summary}
            if wordless:
                answer = replace(answer, etag=None, modified=None)
            for identity in wordless:
                del listed[identity]
            new = [one for one in new if one.entry.id not in wordless]
        return Heard(source, now, answer, listed, new, pause=answer.pause)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        return Heard(
            source,
            now,
            error=f"answers {status}",
            pause=asked_pause(error.response, now),
            is_gone=status == GONE,
        )
    except UserError as error:
        return Heard(source, now, error=error.what)
    except Exception as error:
        # A thread that ended in silence would leave its source unasked for good.
        return Heard(source, now, error=str(error) or repr(error))


def _new_of(answer: Answer, known: Known) -> tuple[dict[str, str], list[New]]:
    listed: dict[str, str] = {}
    new: list[New] = []
    for entry in answer.entries or ():
        if entry.id in listed:
            continue
        listed[entry.id] = entry.fingerprint
        before = known.seen.get(entry.id)
        if before != entry.fingerprint:
            new.append(New(entry, before is not None))
    return listed, new


def _with_pages(source: Source, new: Sequence[New], web: Web) -> list[New]:
    import httpx

    found, reasons = [], []
    deadline = monotonic() + READING_SECONDS
    for one in new:
        entry = one.entry
        if lacks_text(entry):
            try:
                if monotonic() > deadline:
                    raise UserError("there was no more time")
                entry = with_full_text(entry, source, web)
            except (httpx.HTTPError, httpx.InvalidURL, UserError, ValueError) as error:
                what = error.what if isinstance(error, UserError) else error
                reasons.append(f"{entry.url}: {what}")
        found.append(New(entry, one.is_edited))
    if reasons:
        say(f"{source.label}: {len(reasons)} pages could not be read; the last: {reasons[-1]}")
    return found
