"""The release that serves with every edit in it, as soon as one is made anywhere."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.knowledge.overlay import with_edits, without
from apps.customer_service.knowledge.reading import Reader, kept_reader
from apps.customer_service.knowledge.schema import Edit, Edited, Kind, Knowledge, fold
from apps.customer_service.knowledge.store import KnowledgeStore
from common.releases.registry import Registry
from common.releases.release import Release
from common.serving.learning.periodic import Periodic
from common.serving.switching.live import LiveRelease
from common.storage.database import DATABASE_TROUBLE

# What another process wrote is seen within this time.
POLL_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """One state of the knowledge over one release; whoever took it goes on with it to the end.

    Attributes:
        base: the release by itself.
        answerer: with all edits, whatever the time.
        dated: those of its FAQs that are not always valid.
    """

    base: Answerer
    reader: Reader
    answerer: Answerer
    dated: tuple[str, ...]
    # By what is hidden: looked up at each answer, made when a date passes.
    made: dict[frozenset[str], Answerer]

    @classmethod
    def of(cls, base: Answerer, reader: Reader, edited: Mapping[str, Edited]) -> Snapshot:
        """Make the edits."""
        answerer = with_edits(base, edited, reader)
        dated = tuple(i for i, f in answerer.faqs.items() if f.valid_from or f.valid_until)
        return cls(base, reader, answerer, dated, {})

    def at(self, time: datetime) -> Answerer:
        """The answerer that holds what is valid at a time, and nothing else."""
        faqs = self.answerer.faqs
        hidden = frozenset(i for i in self.dated if not faqs[i].is_valid(time))
        found = self.made.get(hidden)
        if found is None:
            found = self.made[hidden] = without(self.answerer, hidden)
        return found


class LiveKnowledge(LiveRelease[Answerer]):
    """Holds the release that serves, edited; another promotion, edit or date changes what it holds.

    Requests never see half an edit: each answers with one snapshot. Where the database is down,
    what was read last goes on serving.
    """

    def __init__(
        self, registry: Registry, load: Callable[[Release], Answerer], store: KnowledgeStore
    ) -> None:
        self.store = store
        self._registry = registry
        self._load_release = load
        self._changing = threading.Lock()
        self._edited: dict[str, Edited] = {}
        self._seen = 0
        self._served = 0
        self._snapshots: tuple[Snapshot, ...] = ()
        self._is_down = False
        self._read_newer()
        self._served = self._seen
        super().__init__(registry, self._load_edited)
        self._polling = Periodic("knowledge-watch", self.poll, POLL_SECONDS)

    @property
    def current(self) -> Answerer:
        """What answers now."""
        return self._snapshot().at(datetime.now(UTC))

    @property
    def base(self) -> Answerer:
        """The release that serves, without any edit."""
        return self._snapshot().base

    @property
    def reader(self) -> Reader:
        """What has read the edits for the release that serves."""
        return self._snapshot().reader

    @property
    def knowledge(self) -> Knowledge:
        """What the release holds and what was edited since, as far as it was read."""
        return Knowledge(self.base.faqs, self._edited)

    def start(self) -> None:
        """Begin to watch."""
        super().start()
        self._polling.start()

    def stop(self) -> None:
        """End the watch."""
        self._polling.stop()
        super().stop()

    def poll(self) -> None:
        """Serve what was edited anywhere since the last look; not now, if the database is down."""
        try:
            self.catch_up()
            self._is_down = False
        except DATABASE_TROUBLE as error:
            if not self._is_down:
                logger.warning("edits of the knowledge cannot be read: %s", error)
            self._is_down = True

    def catch_up(self) -> Knowledge:
        """Serve every edit that was made until now; gives what it comes to.

        Raises:
            OperationalError: the database does not answer.
        """
        if self.store.newest() != self._served:
            serving = super().current
            with self._changing:
                if self._read_newer():
                    # The last one may be loaded and not serve yet.
                    self._snapshots = tuple(
                        Snapshot.of(one.base, one.reader, self._edited)
                        for one in self._snapshots
                        if one is self._snapshots[-1] or one.base is serving
                    )
                # Who finds nothing newer may rely on it that all is served.
                self._served = self._seen
        return self.knowledge

    def write(
        self, edit: Callable[[Knowledge], Sequence[Edit]], *, author: str, kind: Kind
    ) -> tuple[int, Sequence[Edit]]:
        """Make edits and serve them.

        Args:
            edit: gets the knowledge as it is now.

        Returns:
            The number of the change, and what was changed.

        Raises:
            ConflictError: somebody else changed one of the FAQs meanwhile.
            UserError: what `edit` raises.
            OperationalError: the database does not answer.
        """
        edits = edit(self.catch_up())
        change = self.store.write(edits, author=author, kind=kind)
        self.catch_up()
        return change, edits

    def renew(self, base: Answerer, renewed: Answerer) -> bool:
        """Let a release serve with something of it replaced, the edits as they are.

        Args:
            base: what it was made of.

        Returns:
            Whether it serves; not where another release does by now.
        """
        with self._changing:
            release, serving = self._current
            if serving is not base:
                return False
            snapshot = Snapshot.of(renewed, self.reader, self._edited)
            self._snapshots = (*self._snapshots[-1:], snapshot)
            self._current = (release, renewed)
        return True

    def _read_newer(self) -> bool:
        versions = self.store.versions(after=self._seen)
        edited = self._edited
        if any(version.kind == "purge" for version in versions):
            # What is in older versions is not what it was.
            edited, versions = {}, self.store.versions()
        if not versions:
            return False
        self._edited = fold(edited, versions)
        self._seen = versions[-1].change
        return True

    def _load_edited(self, release: Release) -> Answerer:
        base = self._load_release(release)
        reader = kept_reader(self._registry, release, base)
        with self._changing:
            snapshot = Snapshot.of(base, reader, self._edited)
            self._snapshots = (*self._snapshots[-1:], snapshot)
        return base

    def _snapshot(self) -> Snapshot:
        while True:
            base = super().current
            for one in reversed(self._snapshots):
                if one.base is base:
                    return one
