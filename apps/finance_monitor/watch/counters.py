"""Counters by which a watch, or a worker that only scores, is monitored itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from apps.finance_monitor.feeds.health import SourceHealth
from apps.finance_monitor.stories.drift import Drift
from apps.finance_monitor.surges.alert import Alert


@dataclass
class Pace:
    """How fast it goes, for people to look at; `disk_full`: nothing can be written, for now."""

    started: float = field(default_factory=monotonic)
    records: int = 0
    rejected: int = 0
    repeated: int = 0
    backlog: int = 0
    disk_full: bool = False
    outages: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[SourceHealth] = ()

    @property
    def per_second(self) -> float:
        """Records a second since the start."""
        return self.records / max(monotonic() - self.started, 1e-9)


@dataclass(frozen=True)
class Counters:
    """How it stands at one moment.

    Attributes:
        tally: what was read, by what became of it and by sentiment.
        alerts: those that are not resolved.
        sink_failures: by sink, how often it failed since it last took something.
        set_aside: by sink, how many notifications it refused for good.
    """

    tally: Mapping[str, int]
    pace: Pace
    drift: Drift
    alerts: Sequence[Alert] = ()
    sink_failures: Mapping[str, int] = field(default_factory=dict)
    set_aside: Mapping[str, int] = field(default_factory=dict)
