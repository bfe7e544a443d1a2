"""One line of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Row:
    """What was measured or checked.

    Attributes:
        value: a figure; a bool says whether what is claimed holds; a text is a fact.
        peer: what the figure is beside, measured in the same run.
        failed: it is an error, or a claim that does not hold.
    """

    what: str
    value: float | bool | str
    unit: str = ""
    peer: str = ""
    peer_value: float | None = None
    note: str = ""
    failed: bool = False

    @property
    def ratio(self) -> float | None:
        """Of the figure to its peer's."""
        return float(self.value) / self.peer_value if self.peer_value else None

    def to_json(self) -> dict[str, Any]:
        """What is written."""
        kept = {name: value for name, value in asdict(self).items() if value not in {"", None}}
        return kept | ({} if self.ratio is None else {"ratio": self.ratio})

    def cells(self) -> tuple[str, str, str, str, str]:
        """What is printed: what, the figure, its peer, the ratio and the note."""
        if isinstance(self.value, bool):
            shown = "FAILED" if self.failed else "yes" if self.value else "no"
        else:
            shown = _shown(self.value)
        peer = "" if self.peer_value is None else f"{self.peer}: {_shown(self.peer_value)}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.what, f"{shown} {self.unit}".strip(), peer, ratio, self.note


def claim(what: str, *, holds: bool, note: str = "") -> Row:
    """A claim, which fails if it does not hold."""
    return Row(what, bool(holds), note=note, failed=not holds)


def fastest(
    runs: Mapping[str, Callable[[], object]], wait: Callable[[], None], times: int
) -> dict[str, float]:
    """Seconds of the fastest of some runs of each, in turns, after one that does not count.

    Args:
        wait: until the device has done what it was given.
    """
    seconds = dict.fromkeys(runs, float("inf"))
    for turn in range(times + 1):
        for name, run in runs.items():
            wait()
            began = perf_counter()
            run()
            wait()
            if turn:
                seconds[name] = min(seconds[name], perf_counter() - began)
    return seconds


def _shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
