"""What a model knew, and what is new to it: before beside after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The share of old records that may turn wrong, unless another is named.
MAX_FORGETTING = 0.02


@dataclass(frozen=True)
class Forgetting:
    """Shares of held-out records of which something is right before and after training further.

    Attributes:
        what: is right of them.
        new_before: counts what the old model could not know as wrong.
    """

    what: str
    old_before: float
    old_after: float
    new_before: float
    new_after: float
    old_records: int
    new_records: int

    @classmethod
    def of(
        cls, what: str, before: Sequence[bool | None], after: Sequence[bool | None], old: int
    ) -> Forgetting:
        """From the verdict on each record, of which the first `old` are old ones.

        Args:
            before, after: None where the record does not tell what would be right.
        """
        known = [row for row, verdict in enumerate(before) if verdict is not None]
        of_old, of_new = [row for row in known if row < old], [row for row in known if row >= old]
        return cls(
            what,
            _share(before, of_old),
            _share(after, of_old),
            _share(before, of_new),
            _share(after, of_new),
            old_records=len(of_old),
            new_records=len(of_new),
        )

    @property
    def lost(self) -> float:
        """Old before less old after; below 0 where the old records gained."""
        return self.old_before - self.old_after

    @property
    def text(self) -> str:
        """A sentence for the terminal."""
        return (
            f"{self.what.capitalize()}: right of {self.old_records:,} old records "
            f"{self.old_before:.1%} → {self.old_after:.1%} (forgetting {self.lost:+.1%}), of "
            f"{self.new_records:,} new ones {self.new_before:.1%} → {self.new_after:.1%}."
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


def _share(verdicts: Sequence[bool | None], rows: Sequence[int]) -> float:
    return sum(bool(verdicts[row]) for row in rows) / len(rows) if rows else 0.0
