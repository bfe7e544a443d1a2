"""The watch inside a server: a thread that follows the feed while people look at what it found."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from time import time
from typing import Any

from apps.finance_monitor.feeds.feed import Feed
from apps.finance_monitor.feeds.open_file import FilePosition
from apps.finance_monitor.feeds.opening import BESIDE, open_beside
from apps.finance_monitor.feeds.together import only_part
from apps.finance_monitor.prices.live import PriceFile
from apps.finance_monitor.rules.schema import StoryRules
from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.state.backend import DeposedError
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.companies import EntityList, companies_in, mentions_in
from apps.finance_monitor.stories.eight_bit import load_to_serve
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.targets.pointing import Span
from apps.finance_monitor.watch.committing import Step
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.running import Options, follow, open_watch
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.console import say
from common.errors import UserError
from common.files import append_whole
from common.models.devices import ServingPrecision
from common.releases.registry import Registry
from common.releases.release import Release
from common.rules.live import LiveRules
from common.serving.cpus import available_cpus
from common.serving.switching.live import LiveRelease

INBOX = "inbox.jsonl"
RESTART_SECONDS = 5.0
# From here on a new inbox is begun, and the one before the last is let go.
INBOX_BYTES = 64 << 20

logger = logging.getLogger(__name__)


class MonitorService:
    """A watch with its thread, and the release it scores with.

    Args:
        feed: None: what is posted, which is kept in the inbox.
        scored: the feed holds scored records; the release is for `POST /v1/score`, and for the
            words behind an alert.
        precision: `int8` reads in 8 bits, where the release then says the same.
        takes_stories: beside the feed, what is sent is heard, and kept in the inbox.
        rules: what the business decides itself.
        standby: while another process watches here, wait, with the release loaded; end the process
            when the watch cannot go on. It ends in any case when another process watches by then.

    Raises:
        UserError: there is no release, another process watches here, or an option is wrong.
    """

    def __init__(
        self,
        registry: Registry,
        options: Options,
        feed: str | None = None,
        *,
        scored: bool = False,
        takes_stories: bool = False,
        device: str = "auto",
        precision: ServingPrecision = "auto",
        rules: LiveRules[StoryRules] | None = None,
        standby: bool = False,
    ) -> None:
        self.registry = registry
        self.rules = rules
        directory = registry.root
        self._resources = ExitStack()
        # Both the feed and those who ask have texts read.
        thread = self._resources.enter_context(ThreadPoolExecutor(1, "model"))

        def load(release: Release) -> Classifier:
            threads = available_cpus()
            found = load_to_serve(
                registry, release, device=device, precision=precision, threads=threads
            )
            if isinstance(network := found.network, FullPrecision):
                network = replace(network, thread=thread)
            return replace(found, rules=rules, network=network)

        self.live: LiveRelease[Classifier] = LiveRelease(registry, load)
        self._feed = feed
        self._scored = scored
        self._takes_stories = takes_stories
        self._inbox = directory / INBOX
        self._inbox_lock = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="watch", daemon=True)
        self.version = 0
        self.failed: str | None = None
        self.is_over = False
        self.makes_room = False
        self._stands_by = standby
        self._outages: dict[str, str] = {}
        self._refused: str | None = None
        self.watch: Watch = self._resources.enter_context(
            open_watch(
                directory,
                options,
                None if scored else self.live.current,
                self.live.current.topics,
                explainer=self.live.current,
                clock=time,
                standby=standby,
            )
        )
        if standby:
            # It may have waited for weeks.
            self.live.refresh()
            self.watch.use(self.live.current)
        self.prices = PriceFile(options.prices, lambda: self._entities) if options.prices else None
        if self.takes_stories:
            self._inbox.touch()

    @property
    def takes_records(self) -> bool:
        """Whether records can be posted: there is no other feed."""
        return self._feed is None

    @property
    def takes_stories(self) -> bool:
        """Whether stories can be sent: there is no other feed, or they are heard beside it."""
        return self._feed is None or self._takes_stories

    @property
    def watchlists(self) -> Sequence[Watchlist]:
        """What people watch."""
        return self.watch.monitor.rules.watchlists

    @property
    def _entities(self) -> EntityList | None:
        return self.watch.live.current.entities if self.watch.live else None

    @property
    def refused_setup(self) -> str | None:
        """What is wrong with the files that say what is watched, as they are now."""
        return self.watch.live.refused if self.watch.live else None

    def start(self) -> None:
        """Begin to follow the feed."""
        self.live.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the batch at hand; what was read is committed."""
        self._stopping.set()
        self._thread.join()
        self.live.stop()
        self._resources.close()

    def _work(self) -> None:
        passing: tuple[type[Exception], ...] = (UserError, *self.watch.store.trouble)
        while not self._stopping.is_set():
            try:
                feed = self._open()
                follow(self.watch, feed, self._stopping, scored=self._scored, after=self._after)
                return
            except DeposedError as error:
                say(str(error))
                self._end(error)
                return
            except passing as error:
                self.failed = str(error)
                say(f"The feed cannot be read: {error}")
                self._stopping.wait(RESTART_SECONDS)
            except Exception as error:
                # What is in memory may be ahead of what is committed: only a restart mends that.
                logger.exception("the watch has ended")
                self._end(error)
                return

    def _end(self, error: Exception) -> None:
        self.failed = f"the watch has ended: {error}"
        self.is_over = True
        self.makes_room = self._stands_by or isinstance(error, DeposedError)
        if self.makes_room:
            # The lock goes with the process, and whoever stands by goes on.
            os.kill(os.getpid(), signal.SIGTERM)

    def _open(self) -> str | Feed:
        if self._feed and self._takes_stories:
            return open_beside(self._feed, self._inbox, self.watch.position)
        return self._feed or str(self._inbox)

    def _after(self, step: Step) -> None:
        self.failed = None
        if not self._scored:
            self.watch.use(self.live.current)
        outages, self._outages = self._outages, dict(step.batch.outages)
        refused, self._refused = self._refused, self.refused_setup
        is_news = outages != self._outages or refused != self._refused
        if step.taken or step.batch.rejected or is_news:
            self.version += 1

    def touch(self) -> None:
        """Signal to those who watch that something changed."""
        self.version += 1

    def post(self, records: Sequence[FeedRecord]) -> None:
        """Keep records for the watch; they survive a crash once this returns."""
        lines = "".join(record.model_dump_json(exclude_none=True) + "\n" for record in records)
        with self._inbox_lock:
            self._rotate_inbox()
            append_whole(self._inbox, lines.encode())

    def _rotate_inbox(self) -> None:
        """Let go of what was posted and read long ago."""
        status = self._inbox.stat()
        if status.st_size < INBOX_BYTES:
            return
        kept = only_part(self.watch.position, BESIDE)
        # Then all of the file that is replaced was read and committed.
        if kept and FilePosition.model_validate_json(kept).inode == status.st_ino:
            self._inbox.replace(self._inbox.with_name(f"{INBOX}.1"))

    def companies_in(self, record: FeedRecord) -> dict[str, list[Span]]:
        """The companies that a record comes with or names, and where."""
        return companies_in(record, self._entities)

    def mentions_in(self, text: str, given: Sequence[str]) -> dict[str, list[Span]]:
        """The same of a text that came with these companies."""
        return mentions_in(text, given, self._entities)

    def company_named(self, name: str) -> str:
        """The company that goes by this name, as stories call it; the name itself if none does."""
        return (self._entities.named(name) if self._entities else None) or name

    def company_of(self, story: FeedRecord, name: str) -> str:
        """The company that a story calls so, or that goes by this name."""
        return name if name in story.entities else self.company_named(name)

    def status(self) -> dict[str, Any]:
        """How the watch is doing."""
        watch = self.watch
        now = watch.monitor.clock.now
        return {
            "version": self.version,
            "release_id": self.live.release_id,
            "event_time": datetime.fromtimestamp(now, UTC).isoformat() if now else None,
            "per_second": round(watch.pace.per_second, 2),
            "backlog": watch.pace.backlog,
            "disk_full": watch.pace.disk_full,
            "outages": dict(watch.pace.outages),
            "sources": [source.to_json() for source in watch.pace.sources],
            "drift": watch.drift.has_drifted,
            "failed": self.failed,
            "refused_setup": self.refused_setup,
            "tally": dict(watch.monitor.tally),
            "budget": str(watch.monitor.rules.budget),
            "takes_records": self.takes_records,
            "topics": self.live.current.topics,
            "rules": self.rules.fired if self.rules else {},
        }
