"""Drift while serving: what comes in, beside what the release was measured on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from common.learning.watching.drift import DriftWatch, Watched
from common.learning.watching.state import DriftState, Of
from common.serving.learning.periodic import Periodic
from common.serving.switching.live import LiveRelease

READ_SECONDS = 15.0

Loaded = TypeVar("Loaded")
logger = logging.getLogger(__name__)


class DriftRow(BaseModel):
    """One thing that is watched."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    evidence: float = Field(description="Logarithm to base 10 of the odds against chance.")
    has_drifted: bool


class DriftRows(BaseModel):
    """What is watched of the release that serves, and how many of what were looked at."""

    model_config = ConfigDict(from_attributes=True)

    release_id: str
    of: Of
    rows: int
    figures: list[DriftRow]


class DriftMonitor(Generic[Loaded]):
    """Reads what comes in while a release serves, as it is written.

    After a restart all is read again, and comes to the same verdict.

    Args:
        find: what is watched of a release, by its id and what was loaded of it; None where the
            release does not tell what is usual.
        on_drift: called once for each release that has drifted.
        of: what the rows are.
        root: the directory of the application; what is found is kept there for `learn`.
        seconds: between two readings.
    """

    def __init__(
        self,
        live: LiveRelease[Loaded],
        find: Callable[[str, Loaded], Watched | None],
        on_drift: Callable[[], None],
        *,
        of: Of,
        root: Path,
        seconds: float = READ_SECONDS,
    ) -> None:
        self._live = live
        self._find = find
        self._on_drift = on_drift
        self._of: Of = of
        self._root = root
        self._kept: DriftState | None = None
        self._watched: Watched | None = None
        self._told = False
        self.release_id = ""
        self.watch = DriftWatch({})
        self.periodic = Periodic("drift", self.read, seconds)

    @property
    def state(self) -> DriftState:
        """What was found so far."""
        return DriftState(self.release_id, self._of, self.watch.rows, self.watch.figures)

    def read(self) -> None:
        """Take in what came since."""
        release_id = self._live.release_id
        if release_id != self.release_id:
            self._watched = self._find(release_id, self._live.current)
            self._told = False
            self.watch = DriftWatch(self._watched.baseline if self._watched else {})
            self.release_id = release_id
        if self._watched is None:
            return
        self._watched.take_in(self.watch)
        if (drifted := self.watch.drifted) and not self._told:
            self._told = True
            logger.warning("no more as it was trained for: %s", ", ".join(drifted))
            self._on_drift()
        if (state := self.state) != self._kept:
            state.save(self._root)
            self._kept = state


class DriftMetrics(Collector):
    """The metric `bizlm_drift_evidence`."""

    def __init__(self, monitor: DriftMonitor[Any]) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:  # noqa: D102
        gauge = GaugeMetricFamily(
            "bizlm_drift_evidence",
            "Logarithm to base 10 of the evidence that what comes in is no more as it was",
            labels=["figure"],
        )
        for one in self._monitor.watch.figures:
            gauge.add_metric([one.name], one.evidence)
        yield gauge
