"""Whether the model still says what it said of the texts it was tuned on.

Not of the news: a bad day has more negative news. But when confidence falls, the texts have become
of another kind, and the model is to be tuned again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from apps.finance_monitor.schema import ScoredRecord

MEMORY = 2000.0  # texts
LEAST_TEXTS = 200
# Standard errors by which the mean confidence may lie below that of training; a good model of
# other texts differs by one or two, and small shifts matter to nobody.
WARN_FROM, LEAST_FALL = 4.0, 0.05


class Drift:
    """The exponentially forgotten mean confidence beside that of the validation texts.

    Args:
        baseline: `confidence`, `confidence_deviation`, `texts` of the release; empty: no verdict.
    """

    def __init__(self, baseline: Mapping[str, float]) -> None:
        self._baseline = baseline
        self._sum = self._weight = 0.0

    @property
    def confidence(self) -> float | None:
        """Recent mean confidence; None before any text."""
        return self._sum / self._weight if self._weight else None

    @property
    def has_drifted(self) -> bool:
        """Whether confidence has fallen further than chance explains."""
        usual = self._baseline.get("confidence")
        if usual is None or self.confidence is None or self._weight < LEAST_TEXTS:
            return False
        deviation = self._baseline.get("confidence_deviation", 0.2)
        error = deviation * math.sqrt(
            1 / self._weight + 1 / max(self._baseline.get("texts", 1.0), 1.0)
        )
        return usual - self.confidence > max(WARN_FROM * error, LEAST_FALL)

    def observe(self, story: ScoredRecord) -> None:
        """Take in one scored story; copies say nothing new."""
        if story.duplicate_of or not story.sentiment.probabilities:
            return
        kept = 1 - 1 / MEMORY
        self._sum = kept * self._sum + max(story.sentiment.probabilities.values())
        self._weight = kept * self._weight + 1

    def to_json(self) -> list[Any]:
        """For `restore`."""
        return [self._sum, self._weight]

    def restore(self, kept: list[Any]) -> None:
        """Go on where `to_json` was called."""
        self._sum, self._weight = kept
