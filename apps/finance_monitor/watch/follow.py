"""Follow a feed: read a batch, score it, judge it, commit all of it, notify.

A batch is committed in one transaction, so that a process that dies is as if it had not begun it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from apps.finance_monitor.alerts.delivery import Delivery
from apps.finance_monitor.alerts.notifications import Notification
from apps.finance_monitor.alerts.routing import AlertRouter
from apps.finance_monitor.exposure.relations import Exposures
from apps.finance_monitor.feeds.feed import Batch, Feed
from apps.finance_monitor.feeds.horizon import Horizon
from apps.finance_monitor.store import Signed, Store
from apps.finance_monitor.stories.companies import EntityList, mentions_in
from apps.finance_monitor.stories.drift import Drift
from apps.finance_monitor.stories.ingest import Ingest, Taken
from apps.finance_monitor.surges.keys import keys_for
from apps.finance_monitor.watch.committing import Commits, Step
from apps.finance_monitor.watch.counters import Counters, Pace
from apps.finance_monitor.watch.monitor import Monitor, Rules
from apps.finance_monitor.watch.pausing import Pause
from apps.finance_monitor.watch.setup import LiveSetup, Setup
from apps.finance_monitor.watchlists.audience import Subscribers
from common.console import say
from common.errors import UserError

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

SMALL_BATCH, LARGE_BATCH = 32, 512
# Bytes or messages behind which a batch grows.
BEHIND = 20_000
READ_SECONDS = 0.25
RETENTION = 60 * 24 * 3600.0


class Watch:
    """One monitor over one feed, with its store.

    Args:
        classifier: None where the feed holds scored records.
        explainer: finds the words behind an alert; by default the classifier does.
        clock: seconds since 1970, where the feed is live: no record may be far ahead of it.
        delivery: None where nobody is notified, as in a backtest.
        rejected: the file that broken lines are kept in.
        retention: seconds for which stories and windows are kept; None: all that is read.
        exposures: which companies depend on which.
        subscribers: who receives what; None: every sink receives every alert.
        live: the files that all of these were read from, which may change.

    Raises:
        UserError: the store was made with windows of another width.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        classifier: Classifier | None,
        *,
        topics: Sequence[str] = (),
        entities: EntityList | None = None,
        delivery: Delivery | None = None,
        rejected: Path | None = None,
        explainer: Classifier | None = None,
        clock: Callable[[], float] | None = None,
        retention: float | None = RETENTION,
        exposures: Exposures | None = None,
        subscribers: Subscribers | None = None,
        live: LiveSetup | None = None,
    ) -> None:
        self.store = store
        self.pace = Pace()
        self._pause = Pause(self.pace, store.where)
        self.monitor = Monitor(rules, keys_for(topics, entities.names if entities else ()))
        self.drift = Drift(classifier.baseline if classifier else {})
        self._classifier = classifier
        self._entities = entities
        self._explainer = explainer
        self._delivery = delivery
        self.live = live
        self._warned_of_drift = False
        self._horizon = Horizon(store, clock)
        kept = store.read_state("monitor")
        now = self._restore(json.loads(kept)) if kept else None
        self._ingest = Ingest(classifier, entities, store, now)
        receivers = subscribers or Subscribers(delivery.sinks if delivery else ())
        self._router = AlertRouter(store, receivers, self._negative_words, exposures)
        self.commits = Commits(
            store,
            self.monitor,
            self._router,
            self._pause,
            self._state,
            delivery=delivery,
            rejected=rejected,
            retention=retention,
        )

    def _restore(self, kept: dict[str, Any]) -> float | None:
        if kept["width"] != self.monitor.rules.width:
            raise UserError(
                f"windows are {kept['width'] / 60:g} minutes wide here",
                where=self.store.where,
                hint="Keep that width, or start afresh with another --store.",
            )
        read = {name: self.store.read_state(name) for name in self.monitor.detectors}
        self.monitor.restore(kept["monitor"], {name: held for name, held in read.items() if held})
        self.drift.restore(kept["drift"])
        now: float | None = kept["now"]
        return now

    @property
    def position(self) -> str | None:
        """Where the feed goes on, as JSON."""
        kept = self.store.read_state("position")
        return kept.decode() if kept else None

    def counters(self) -> Counters:
        """How it stands, to be asked from any thread."""
        return Counters(
            dict(self.monitor.tally),
            self.pace,
            self.drift,
            self.monitor.alerts,
            dict(self._delivery.failures) if self._delivery else {},
            dict(self._delivery.set_aside) if self._delivery else {},
        )

    def follow(
        self, feed: Feed, stopping: Event, after: Callable[[Step], None] | None = None
    ) -> None:
        """Read until the feed ends or `stopping` is set; what was read is committed."""
        size = SMALL_BATCH
        while not stopping.is_set():
            self.store.check()
            if self.live and self.live.refresh():
                self._follow_setup(self.live.current)
            batch = feed.read_batch(size, READ_SECONDS)
            self.pace.backlog, self.pace.outages = batch.backlog, batch.outages
            self.pace.sources = batch.sources
            size = min(2 * size, LARGE_BATCH) if batch.backlog > BEHIND else SMALL_BATCH
            if batch.records or batch.rejected:
                step = self._process(batch, stopping)
                self.commit(step, stopping)
                if batch.position:
                    feed.acknowledge(batch.position)
                if after:
                    after(step)
            elif after:
                after(Step(batch, [], [], [], []))
            if batch.ended:
                break

    def _follow_setup(self, setup: Setup) -> None:
        """From the next batch on."""
        self._ingest.entities = setup.entities
        self.monitor.use(setup.rules, setup.entities.names if setup.entities else ())
        self._router.use(setup.subscribers or self._router.subscribers, setup.exposures)
        if self._delivery:
            self._delivery.use(setup.sinks)

    def _process(self, batch: Batch, stopping: Event) -> Step:
        """As `process`, which looks things up before it changes anything, as soon as it can."""
        while True:
            try:
                return self.process(batch)
            except self.store.trouble as error:
                self._pause.wait(error, stopping)

    def process(self, batch: Batch) -> Step:
        """Score and judge a batch; nothing is written yet."""
        records, ahead = self._horizon.part(batch.records)
        rejected = [*batch.rejected, *(one.to_rejected() for one in ahead)]
        taken, _ = self._ingest.take(records)
        repeated = len(batch.records) - len(ahead) - len(taken)
        numbered = []
        before = self.monitor.clock.now
        for one in taken:
            self.monitor.observe(one.story)
            numbered.append((self.monitor.sequence, one))
            self.drift.observe(one.story)
        now = self.monitor.clock.now
        if now and (before is None or now < before):
            # Copies are looked for around the time that is believed.
            self._ingest.now = now
        self._warn_of_drift()
        self.monitor.tally["repeated"] += repeated
        self.monitor.tally["rejected"] += len(rejected)
        self.pace.records += len(batch.records)
        self.pace.rejected += len(rejected)
        self.pace.repeated += repeated
        return Step(
            replace(batch, rejected=rejected), numbered, *self.monitor.take_changes(), ahead
        )

    def _warn_of_drift(self) -> None:
        if self.drift.has_drifted != self._warned_of_drift:
            self._warned_of_drift = self.drift.has_drifted
            if self._warned_of_drift:
                say(
                    "Warning: the model is less sure of this news than of its training texts"
                    f" ({self.drift.confidence:.0%} on average). Fine-tune it on such news."
                )

    def use(self, classifier: Classifier) -> None:
        """Score with another release from the next batch on."""
        if self._classifier and classifier.release_id != self._classifier.release_id:
            self._classifier = self._ingest.classifier = classifier
            self.drift = Drift(classifier.baseline)

    def replay(self, stories: Iterable[Signed]) -> None:
        """Judge stories that passed the ingest of another watch, to the end."""
        coming = iter(stories)
        while some := list(islice(coming, LARGE_BATCH)):
            taken = []
            for story, signature in some:
                self.monitor.observe(story)
                taken.append((self.monitor.sequence, Taken(story, signature)))
            self.commit(Step(Batch([], [], None), taken, *self.monitor.take_changes()))
        self.finish()

    def finish(self) -> Step:
        """Close what is open, for the history ends here."""
        self.monitor.finish()
        step = Step(Batch([], [], None), [], *self.monitor.take_changes())
        self.commit(step)
        return step

    def commit(self, step: Step, stopping: Event | None = None) -> list[Notification]:
        """Write it, waiting until it can be written; alerts are delivered even then."""
        return self.commits.write(step, stopping)

    def _state(self) -> bytes:
        state = {
            "width": self.monitor.rules.width,
            "now": self._ingest.now,
            "drift": self.drift.to_json(),
            "monitor": self.monitor.to_json(),
        }
        return json.dumps(state, ensure_ascii=False).encode()

    def _negative_words(self, text: str, entities: Sequence[str], company: str | None) -> list[str]:
        explainer = self._classifier or self._explainer
        if explainer is None:
            return []
        return explainer.negative_words(text, company, mentions_in(text, entities, self._entities))
