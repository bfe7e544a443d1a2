"""Drift while serving: what is predicted, beside what the release was measured on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.learning.watching.drift import DriftWatch
from common.serving.learning.periodic import Periodic
from common.serving.live import LiveRelease

READ_SECONDS = 15.0
ROWS_TOGETHER = 1000

Loaded = TypeVar("Loaded")
logger = logging.getLogger(__name__)


class Measure(Protocol):
    """What is watched of a prediction."""

    def __call__(self, prediction: Prediction, /) -> Mapping[str, float]:
        """Figures by name."""


@dataclass(frozen=True)
class Usual:
    """What is usual for a release: figures of the records that it was measured on."""

    baseline: Mapping[str, Sequence[float]]
    measure: Measure


class DriftRow(BaseModel):
    """One thing that is watched."""

    name: str
    evidence: float = Field(description="Logarithm to base 10 of the odds against chance.")
    has_drifted: bool


class DriftRows(BaseModel):
    """What is watched of the release that serves, and how many predictions were looked at."""

    release_id: str
    rows: int
    figures: list[DriftRow]


class DriftMonitor(Generic[Loaded]):
    """Reads the predictions of the release that serves, as they are written; a text counts once.

    A probe that asks the same every second says nothing of what people ask. After a restart all
    are read again, and come to the same verdict.

    Args:
        usual: of a release id and what was loaded of it; None where the release does not tell.
        on_drift: called once for each release that has drifted.
    """

    def __init__(
        self,
        live: LiveRelease[Loaded],
        store: FeedbackStore,
        usual: Callable[[str, Loaded], Usual | None],
        on_drift: Callable[[], None],
    ) -> None:
        self._live = live
        self._store = store
        self._find_usual = usual
        self._on_drift = on_drift
        self._usual: Usual | None = None
        self._last = (0.0, "")
        self._told = False
        self._seen: set[str] = set()
        self.release_id = ""
        self.watch = DriftWatch({})
        self.periodic = Periodic("drift", self.read, READ_SECONDS)

    @property
    def rows(self) -> DriftRows:
        """What was found so far."""
        figures = [DriftRow(**vars(one)) for one in self.watch.figures]
        return DriftRows(release_id=self.release_id, rows=self.watch.rows, figures=figures)

    def read(self) -> None:
        """Take in what was predicted since."""
        release_id = self._live.release_id
        if release_id != self.release_id:
            self._usual = self._find_usual(release_id, self._live.current)
            self._last, self._told = (0.0, ""), False
            self._seen = set()
            self.watch = DriftWatch(self._usual.baseline if self._usual else {})
            self.release_id = release_id
        if self._usual is None:
            return
        while rows := self._store.predictions(release_id, self._last, ROWS_TOGETHER):
            for row in rows:
                if row.text not in self._seen:
                    self._seen.add(row.text)
                    self.watch.observe(self._usual.measure(row), row.id)
            self._last = (rows[-1].at, rows[-1].id)
        if (drifted := self.watch.drifted) and not self._told:
            self._told = True
            logger.warning("no more as it was trained for: %s", ", ".join(drifted))
            self._on_drift()


class DriftMetrics(Collector):
    """The metric `bizlm_drift_evidence`."""

    def __init__(self, monitor: DriftMonitor[Loaded]) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:  # noqa: D102
        gauge = GaugeMetricFamily(
            "bizlm_drift_evidence",
            "Logarithm to base 10 of the evidence that predictions are no more as they were",
            labels=["figure"],
        )
        for one in self._monitor.watch.figures:
            gauge.add_metric([one.name], one.evidence)
        yield gauge
