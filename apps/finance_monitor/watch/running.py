"""From the options of a command to a watch at work: what `watch`, `demo` and `serve` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.sinks import Sink, open_sink
from apps.finance_monitor.feeds.feed import Feed
from apps.finance_monitor.feeds.opening import open_feed
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Store, store_path
from apps.finance_monitor.stories.companies import EntityList, read_entities
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Step, Watch
from apps.finance_monitor.watch.monitor import Rules
from common.durations import parse_period
from common.errors import UserError
from common.files import exclusive_lock

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

REJECTED = "rejected.jsonl"


@dataclass(frozen=True)
class Options:
    """What the user decides, in the user's words."""

    false_alarms: str = "1 per 30d"
    window: str = "1h"
    allowed_lateness: str = "5min"
    delay: str = "0"
    escalate_after: str | None = None
    entities: Path | None = None
    notify: Sequence[str] = ()

    def rules(self) -> Rules:
        """The monitor's rules.

        Raises:
            UserError: a budget or a period that nobody can read.
        """
        width = parse_period(self.window)
        if not timedelta(minutes=1) <= width <= timedelta(days=7):
            raise UserError(f"--window {self.window}: not between 1min and 7d")
        return Rules(
            parse_budget(self.false_alarms),
            width.total_seconds(),
            parse_period(self.allowed_lateness).total_seconds(),
            parse_period(self.delay).total_seconds(),
        )

    def entity_list(self) -> EntityList | None:
        """The companies to watch, if there is a list."""
        return read_entities(self.entities) if self.entities else None


@contextmanager
def open_watch(
    directory: Path,
    options: Options,
    classifier: Classifier | None,
    topics: Sequence[str],
    sinks: Sequence[Sink] = (),
    *,
    explainer: Classifier | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Watch]:
    """A watch with its store locked, and its sinks at work; on the way out, delivers what it can.

    Args:
        clock: where the feed is live; see `Watch`.

    Raises:
        UserError: another process watches here, or an option is wrong.
    """
    rules, entities = options.rules(), options.entity_list()
    escalate_after = parse_period(options.escalate_after) if options.escalate_after else None
    opened = [*sinks, *(open_sink(address) for address in options.notify)]
    with ExitStack() as stack:
        stack.enter_context(exclusive_lock(directory / "monitor.lock"))
        store = Store(store_path(directory))
        stack.callback(store.close)
        delivery = Delivery(store, opened, escalate_after=escalate_after)
        watch = Watch(
            store,
            rules,
            classifier,
            topics=topics,
            entities=entities,
            delivery=delivery,
            rejected=directory / REJECTED,
            explainer=explainer,
            clock=clock,
        )
        delivery.start()
        delivery.wake()
        stack.callback(delivery.stop)
        yield watch


def follow(
    watch: Watch,
    source: str | Feed,
    stopping: Event,
    *,
    once: bool = False,
    scored: bool = False,
    after: Callable[[Step], None] | None = None,
) -> None:
    """Read a feed, or the one that `source` names from where the last run was stopped."""
    record = ScoredRecord if scored else FeedRecord
    feed = (
        open_feed(source, once, watch.position, record=record)
        if isinstance(source, str)
        else source
    )
    try:
        watch.follow(feed, stopping, after)
    finally:
        feed.close()
