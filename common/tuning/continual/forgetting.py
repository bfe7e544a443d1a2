"""What a model knew, and what is new to it: before beside after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Forgetting:
    """Shares of held-out records that are right before and after training further.

    `new_before` counts what the old model could not know as wrong.
    """

    old_before: float
    old_after: float
    new_before: float
    new_after: float
    old_records: int
    new_records: int

    @classmethod
    def of(cls, before: Sequence[bool], after: Sequence[bool], old: int) -> Forgetting:
        """From the verdict on each record, of which the first `old` are old ones."""
        return cls(
            _share(before[:old]),
            _share(after[:old]),
            _share(before[old:]),
            _share(after[old:]),
            old_records=old,
            new_records=len(before) - old,
        )

    @property
    def lost(self) -> float:
        """Old before less old after; below 0 where the old records gained."""
        return self.old_before - self.old_after

    @property
    def text(self) -> str:
        """A sentence for the terminal."""
        return (
            f"Right of {self.old_records:,} old records {self.old_before:.1%} → "
            f"{self.old_after:.1%} (forgetting {self.lost:+.1%}), of {self.new_records:,} new "
            f"ones {self.new_before:.1%} → {self.new_after:.1%}."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {
            "old": self._side(self.old_records, self.old_before, self.old_after),
            "new": self._side(self.new_records, self.new_before, self.new_after),
            "forgetting": self.lost,
        }

    @staticmethod
    def _side(records: int, before: float, after: float) -> dict[str, float]:
        return {"records": records, "before": before, "after": after}


def _share(right: Sequence[bool]) -> float:
    return float(np.mean(right)) if len(right) else 0.0
