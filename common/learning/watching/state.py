"""What a server found of drift, kept where `learn` finds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from common.errors import UserError
from common.evaluation.report import Section
from common.files import read_json, write_json
from common.learning.watching.drift import DriftFigure

# Below the directory of the application.
DRIFT = "drift.json"

Of = Literal["questions", "stories", "users"]


@dataclass(frozen=True)
class DriftState:
    """What was found of one release, in so many rows of what `of` says."""

    release_id: str
    of: Of
    rows: int
    figures: list[DriftFigure]

    def save(self, root: Path) -> None:
        """Keep it below the directory of the application."""
        write_json(root / DRIFT, asdict(self))

    def section(self) -> Section:
        """For the page of a candidate."""
        drifted = [one.name for one in self.figures if one.has_drifted]
        verdict = f"no more as when it was measured: {', '.join(drifted)}"
        return Section(
            "Drift",
            f"{self.rows:,} {self.of} since the serving release began to serve: "
            f"{verdict if drifted else 'as when it was measured'}.",
            [
                ("figure", "evidence, log10", ""),
                *(
                    (one.name, f"{one.evidence:.1f}", "drifted" if one.has_drifted else "")
                    for one in self.figures
                ),
            ],
        )


def load_drift(root: Path, release_id: str) -> DriftState | None:
    """What was kept of a release; None where nothing was, or of another release."""
    try:
        kept: dict[str, Any] = read_json(root / DRIFT)
    except UserError:
        return None
    if kept.get("release_id") != release_id:
        return None
    figures = [DriftFigure(**one) for one in kept["figures"]]
    return DriftState(release_id, kept["of"], kept["rows"], figures)
