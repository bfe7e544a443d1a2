"""What a search is asked for, and what it ends with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from optuna import Study
from optuna.trial import FrozenTrial

from common.tuning.search.space import Space
from common.tuning.settings import Settings

PruningMethod = Literal["median", "hyperband", "none"]
# What is kept of a trial beside what Optuna keeps.
DEFAULTS, SETTINGS, SECONDS, FIGURES, WHY = "defaults", "settings", "seconds", "figures", "why"


@dataclass(frozen=True)
class Plan:
    """What is searched, from where, and for how long.

    Attributes:
        base: the defaults, tried first, and what is not searched in all trials.
        data: hashes and names of all else that the figures depend on.
        minutes: of all trials together, those of earlier runs of the same search included.
        trials: likewise; None: as many as the minutes allow.
        seeds: runs a trial; its figure is their mean.
        usual: an application's own defaults, where they differ from those of `Settings`.
    """

    space: Space
    base: Settings
    data: Sequence[str]
    minutes: float = 60.0
    trials: int | None = None
    seeds: int = 1
    pruning: PruningMethod = "median"
    usual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_own_rates(self) -> bool:
        """Whether each strategy that is tried has its own rate."""
        return "strategy" in self.space and "learning_rate" not in self.base.model_fields_set

    @property
    def fingerprint(self) -> str:
        """The same for the same figures of the same settings."""
        fixed = self.base.model_dump(exclude={"tracking", "device"})
        space = [(name, repr(searched)) for name, searched in sorted(self.space.items())]
        # Where each strategy has its own rate, that of `base` is one of several.
        rates = ["own rates", self.usual.get("learning_rate")] if self.has_own_rates else []
        parts = [space, fixed, self.seeds, *self.data, *filter(None, rates)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Found:
    """What a search ended with: the best settings of all trials, the defaults' among them."""

    study: Study = field(repr=False)
    directory: Path
    plan: Plan
    monitor: str
    best: Settings
    figure: float
    default_figure: float


def figure_of(trial: FrozenTrial) -> float:
    """The figure of a finished trial."""
    assert trial.value is not None
    return float(trial.value)
