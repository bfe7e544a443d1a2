"""Rules that are read again when their file changes; a broken new version is refused."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.errors import UserError
from common.rules.reading import Known, Read, read
from common.rules.rule import RulesFile

F = TypeVar("F", bound=RulesFile[Any])
Signatures = dict[Path, tuple[int, int, int] | None]

# A change of the file is seen within this time.
POLL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class LiveRules(Generic[F]):
    """The rules of a file as it is now; to be asked from any thread.

    The file is looked at by whoever asks, unless something else refreshes more often than that.

    Args:
        known: names that the rules may use, asked for whenever the file is read.

    Raises:
        UserError: as `read_rules`.
    """

    def __init__(self, path: Path, model: type[F], known: Callable[[], Known] = lambda: {}) -> None:
        self.path = path
        self._model = model
        self._known = known
        self._reading = Lock()
        # Of its own: whoever counts a decision waits for no disk.
        self._counting = Lock()
        self._fired: Counter[str] = Counter()
        self._refused: str | None = None
        before = _signatures([path])
        self._read: Read[F] = read(path, model, known())
        self._seen = _signatures(self._read.files) | before
        self._looked = monotonic()

    @property
    def current(self) -> F:
        """The rules that hold now."""
        if monotonic() - self._looked >= POLL_SECONDS:
            self.refresh()
        return self._read.rules

    @property
    def refused(self) -> str | None:
        """What is wrong with the file as it was last looked at; None: nothing."""
        return self._refused

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        if not self._reading.acquire(blocking=False):
            # Another thread is at it; what holds goes on to hold meanwhile.
            return
        try:
            self._looked = monotonic()
            seen = _signatures(self._read.files)
            if seen != self._seen or self._refused:
                self._read_again(seen)
        finally:
            self._reading.release()

    def _read_again(self, before: Signatures) -> None:
        """What fails otherwise than by the file, as a database does, is tried again.

        Args:
            before: of the files before they are read: what is written meanwhile is a change.
        """
        try:
            self._read = read(self.path, self._model, self._known())
        except UserError as error:
            if str(error) != self._refused:
                logger.error("the new rules are refused, the old ones stay: %s", error)
            self._refused = str(error)
            self._seen = before
        else:
            self._refused = None
            found = _signatures(self._read.files)
            self._seen = found | {path: before[path] for path in found if path in before}
            logger.warning("rules read again: %s, %d rules", self.path, len(self._read.rules.rule))

    def count(self, names: Iterable[str]) -> None:
        """Count decisions by the names of the rules that made them."""
        with self._counting:
            self._fired.update(names)

    @property
    def fired(self) -> dict[str, int]:
        """How often each rule decided something."""
        with self._counting:
            return {rule.name: self._fired[rule.name] for rule in self._read.rules.rule} | dict(
                self._fired
            )


class RuleMetrics(Collector):
    """What rules decide, for Prometheus."""

    def __init__(self, rules: LiveRules[Any]) -> None:
        self._rules = rules

    def collect(self) -> Iterator[Metric]:
        """How often each rule decided, and whether the file is refused."""
        refused = float(self._rules.refused is not None)
        fired = CounterMetricFamily("bizlm_rules_fired", "Decisions by a rule", labels=["rule"])
        for name, count in self._rules.fired.items():
            fired.add_metric([name], count)
        yield fired
        yield GaugeMetricFamily(
            "bizlm_rules_refused", "1 while the rules as they are written are refused", refused
        )


def _signatures(files: Collection[Path]) -> Signatures:
    """What of each file changes when it does."""
    found: Signatures = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            found[path] = None
        else:
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found
