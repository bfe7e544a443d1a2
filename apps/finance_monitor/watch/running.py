"""From the options of a command to a watch at work: what `watch`, `demo` and `serve` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.sinks import Sink, open_sink
from apps.finance_monitor.calendars.calendar import Calendar
from apps.finance_monitor.calendars.reading import read_calendar
from apps.finance_monitor.exposure.relations import Exposures, read_relations
from apps.finance_monitor.feeds.feed import Feed
from apps.finance_monitor.feeds.opening import open_feed
from apps.finance_monitor.prices.series import read_prices
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.state.opening import place_of, store_path
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import EntityList, read_entities
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.committing import Step
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watch.setup import LiveSetup, Setup
from apps.finance_monitor.watchlists.audience import Subscribers
from apps.finance_monitor.watchlists.reading import read_watchlists
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.console import say
from common.durations import parse_period
from common.errors import UserError

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
    notify: Sequence[str] | None = None
    relations: Path | None = None
    watchlists: Path | None = None
    calendar: Path | None = None
    prices: Path | None = None
    database: str | None = None

    def rules(self) -> Rules:
        """The monitor's rules.

        Raises:
            UserError: a budget or a period that nobody can read.
        """
        width, *wider = sorted(parse_period(one) for one in self.window.split(","))
        for one in (width, *wider):
            if not timedelta(minutes=1) <= one <= timedelta(days=7):
                raise UserError(f"--window {self.window}: not between 1min and 7d")
        if len({width, *wider}) <= len(wider) or any(one % width for one in wider):
            raise UserError(
                f"--window {self.window}: widths differ, and are multiples of the narrowest",
                hint='Write them like "1h,1d".',
            )
        return Rules(
            parse_budget(self.false_alarms),
            width.total_seconds(),
            [one.total_seconds() for one in wider],
            parse_period(self.allowed_lateness).total_seconds(),
            parse_period(self.delay).total_seconds(),
        )

    def entity_list(self) -> EntityList | None:
        """The companies to watch, if there is a list."""
        return read_entities(self.entities) if self.entities else None

    def lists(self, listed: EntityList | None, topics: Sequence[str] = ()) -> Sequence[Watchlist]:
        """What each person watches, if there is a file that says so."""
        return read_watchlists(self.watchlists, listed, topics) if self.watchlists else ()

    def days(self, listed: EntityList | None, topics: Sequence[str] = ()) -> Calendar | None:
        """Days that are not like others, if there is a file that says so."""
        return read_calendar(self.calendar, listed, topics) if self.calendar else None

    def exposures(self, listed: EntityList | None) -> Exposures | None:
        """Which companies depend on which, if that is told."""
        return read_relations(self.relations, listed) if self.relations else None

    def check(self) -> None:
        """See that all that was given can be read, before anything takes long.

        Raises:
            UserError: it cannot.
        """
        self.rules()
        listed = self.entity_list()
        self.exposures(listed)
        self.lists(listed)
        self.days(listed)
        if self.prices:
            read_prices(self.prices, listed)

    @property
    def files(self) -> list[Path]:
        """Those that say what is watched."""
        named = (self.entities, self.relations, self.watchlists, self.calendar)
        return [path for path in named if path]

    def setup(self, topics: Sequence[str] = (), sinks: Sequence[Sink] = ()) -> Setup:
        """What is watched, as the files have it now.

        Args:
            topics: that the release knows; empty: not checked.
            sinks: receive everything, beside those of `notify`.

        Raises:
            UserError: something in a file is wrong, or nobody knows an address.
        """
        entities = self.entity_list()
        lists = self.lists(entities, topics)
        rules = replace(self.rules(), watchlists=lists, calendar=self.days(entities, topics))
        everything = [*sinks, *map(open_sink, self.notify or ())]
        by_list = {one.name: [*map(open_sink, one.notify)] for one in lists}
        opened = {sink.name: sink for sink in chain(everything, *by_list.values())}
        subscribers = Subscribers(
            [sink.name for sink in everything],
            lists,
            {name: [sink.name for sink in own] for name, own in by_list.items()},
        )
        return Setup(rules, entities, self.exposures(entities), subscribers, [*opened.values()])


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
    standby: bool = False,
) -> Iterator[Watch]:
    """A watch that has its store alone, its sinks at work; on the way out, it delivers what it can.

    Args:
        clock: where the feed is live; see `Watch`.
        standby: while another process watches here, wait until it ends or dies; what is watched is
            then as the files have it by that time.

    Raises:
        UserError: another process watches here, the database does not answer, or an option is
            wrong.
    """
    live = LiveSetup(options.files, partial(options.setup, topics, sinks))
    escalate_after = parse_period(options.escalate_after) if options.escalate_after else None
    with ExitStack() as stack:
        if standby:
            say("Standing by: it begins when no other process watches here.")
        place = place_of(directory, options.database)
        store = Store(place, leads=True, waits=standby, before=store_path(directory))
        stack.callback(store.close)
        if standby:
            say("No other process watches here: beginning.")
            live.catch_up()
        setup = live.current
        delivery = Delivery(store, setup.sinks, escalate_after=escalate_after)
        watch = Watch(
            store,
            setup.rules,
            classifier,
            topics=topics,
            entities=setup.entities,
            delivery=delivery,
            rejected=directory / REJECTED,
            explainer=explainer,
            clock=clock,
            exposures=setup.exposures,
            subscribers=setup.subscribers,
            live=live,
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
