"""`watch --score-only`: score a stream or topic into another, as one worker of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

from apps.finance_monitor.feeds.feed import Batch, Rejected, append_rejected
from apps.finance_monitor.feeds.kafka.address import is_kafka
from apps.finance_monitor.feeds.opening import open_feed
from apps.finance_monitor.feeds.redis_feed import RedisFeed, connect
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.stories.companies import companies_in
from apps.finance_monitor.stories.drift import Drift
from apps.finance_monitor.watch.counters import Counters, Pace
from apps.finance_monitor.watch.setup import LiveSetup
from common.console import say
from common.errors import UserError

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

SCORED_TOGETHER = 64


Publish = Callable[[Sequence[ScoredRecord]], None]


class Shared(Protocol):
    """What several workers read, each its part."""

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`, rejected ones included; waits `timeout` seconds for the first."""

    def close(self) -> None:
        """Let go of it."""


class ScoringWorker:
    """Keeps no state but its counters, which start at zero with the process.

    Args:
        live: names the companies, which may change.
        rejected: the file that messages which are no records are kept in.
    """

    def __init__(self, classifier: Classifier, live: LiveSetup, rejected: Path) -> None:
        self._classifier = classifier
        self._live = live
        self._rejected = rejected
        self._pace = Pace()
        self._drift = Drift(classifier.baseline)
        self._tally: Counter[str] = Counter()

    def counters(self) -> Counters:
        """How it stands, to be asked from any thread."""
        return Counters(dict(self._tally), self._pace, self._drift)

    def work(self, source: str, target: str, stopping: Event) -> None:
        """Score the messages of `source` into the stream `target` until `stopping` is set.

        Raises:
            UserError: an address is no stream, or the two are not on the same server.
        """
        shared, publish = _open(source, target, self._reject, stopping)
        try:
            while not stopping.is_set():
                batch = shared.read_batch(SCORED_TOGETHER)
                self._pace.backlog, self._pace.outages = batch.backlog, batch.outages
                self._pace.sources = batch.sources
                if batch.records or batch.rejected:
                    self._score(batch, publish)
        finally:
            shared.close()
        say(f"{self._tally['records']} scored.")

    def _score(self, batch: Batch, publish: Publish) -> None:
        self._reject(batch.rejected)
        self._live.refresh()
        listed = self._live.current.entities
        named = [companies_in(record, listed) for record in batch.records]
        scored = self._classifier.score(batch.records, named)
        publish(scored)
        for story in scored:
            self._drift.observe(story)
            self._tally[story.sentiment.label or "abstained"] += 1
        self._tally["records"] += len(scored)
        self._pace.records += len(scored)

    def _reject(self, rejected: Sequence[Rejected]) -> None:
        append_rejected(self._rejected, rejected)
        self._tally["rejected"] += len(rejected)
        self._pace.rejected += len(rejected)


def _open(
    source: str, target: str, reject: Callable[[Sequence[Rejected]], None], stopping: Event
) -> tuple[Shared, Publish]:
    """What is read, and what writes and acknowledges."""
    if is_kafka(source) and is_kafka(target):
        from apps.finance_monitor.feeds.kafka.sharing import KafkaShare

        share = KafkaShare(source, target, reject, stopping)
        return share, share.publish
    feed = None if is_kafka(source) else open_feed(source)
    if not isinstance(feed, RedisFeed) or is_kafka(target):
        raise UserError(
            "--score-only reads a Redis Stream or a Kafka topic, and writes to another of the same",
            where=source,
        )
    _, stream, _ = connect(target)
    if source.split("/")[2] != target.split("/")[2]:
        raise UserError("both streams must be on the same server", where=target)
    return feed, partial(feed.publish, stream)
