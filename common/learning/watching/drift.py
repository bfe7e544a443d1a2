"""Whether what comes in, and what is made of it, is still of the kind that a release knows."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log10

# How probable a false alarm may be, over all figures, for each release and run of `RUN` rows.
LEVEL = 0.01
RUN = 20_000
# With a smaller baseline nothing would ever show.
FEWEST = 50
# The share of the stake that is laid anew each time (Vovk et al. 2021).
JUMP = 0.01
BETS = (-1.0, 0.0, 1.0)


class Exchangeability:
    """Evidence that new values are not drawn as the baseline and those before them.

    A conformal test martingale, the Simple Jumper (Vovk, Petej, Nouretdinov, Ahlberg, Carlsson &
    Gammerman 2021, arXiv 2102.10439). Where baseline and stream are exchangeable, it ever exceeds
    1 / level with a probability of at most the level, however often it is looked at.
    """

    def __init__(self, baseline: Sequence[float]) -> None:
        self._known = sorted(baseline)
        self._log_capital = 0.0
        self._shares = [1 / len(BETS)] * len(BETS)
        self.strongest = 0.0

    def observe(self, value: float, tie: float) -> None:
        """Take one value in.

        Args:
            tie: between 0 and 1, drawn at random: where among its equals the value stands.
        """
        low, high = bisect_left(self._known, value), bisect_right(self._known, value)
        rank = (low + tie * (high - low + 1)) / (len(self._known) + 1)
        insort(self._known, value, low, high)
        mixed = [(1 - JUMP) * share + JUMP / len(BETS) for share in self._shares]
        stakes = [share * (1 + bet * (rank - 0.5)) for share, bet in zip(mixed, BETS, strict=True)]
        growth = sum(stakes)
        self._shares = [stake / growth for stake in stakes]
        self._log_capital += log10(growth)
        self.strongest = max(self.strongest, self._log_capital)


@dataclass(frozen=True)
class DriftFigure:
    """One thing that is watched.

    Attributes:
        evidence: logarithm to base 10 of the strongest evidence so far.
        has_drifted: it is beyond what chance explains.
    """

    name: str
    evidence: float
    has_drifted: bool


class DriftWatch:
    """Several figures of each row, each beside those of the records that a release was measured on.

    Args:
        baseline: figures of those records, by name; None where a record has none.
    """

    def __init__(self, baseline: Mapping[str, Sequence[float]]) -> None:
        self._baseline = {name: some for name, some in baseline.items() if len(some) >= FEWEST}
        self._found: dict[str, float] = {}
        self.rows = 0
        self._begin()

    def _begin(self) -> None:
        self._tests = {name: Exchangeability(some) for name, some in self._baseline.items()}

    def observe(self, figures: Figures, identity: str) -> None:
        """Take one row in.

        Args:
            identity: of the row; what is drawn at random is drawn from it, so that whoever reads
                the same rows comes to the same verdict.
        """
        if self.rows and self.rows % RUN == 0:
            self._begin()
        self.rows += 1
        for name, test in self._tests.items():
            if name in figures:
                test.observe(figures[name], _drawn(f"{name} {identity}"))
                self._found[name] = max(self._found.get(name, -inf), test.strongest)

    @property
    def figures(self) -> list[DriftFigure]:
        """All that is watched."""
        threshold = log10(max(len(self._tests), 1) / LEVEL)
        return [
            DriftFigure(name, evidence, evidence >= threshold)
            for name in self._tests
            for evidence in (self._found.get(name, 0.0),)
        ]

    @property
    def drifted(self) -> list[str]:
        """The names of what is no more as it was."""
        return [one.name for one in self.figures if one.has_drifted]


Figures = Mapping[str, float]


@dataclass(frozen=True)
class Watched:
    """What is watched while a release serves.

    Attributes:
        baseline: figures of the records that it was measured on, by name.
        new: id and figures of each row that came in since it was called last, each once.
    """

    baseline: Mapping[str, Sequence[float]]
    new: Callable[[], Iterable[tuple[str, Figures]]]

    def take_in(self, watch: DriftWatch) -> DriftWatch:
        """Let `watch` see what came in since; itself."""
        for identity, figures in self.new():
            watch.observe(figures, identity)
        return watch


def by_name(rows: Sequence[Figures]) -> dict[str, list[float]]:
    """The figures of each row as a baseline."""
    names = sorted({name for row in rows for name in row})
    return {name: [row[name] for row in rows if name in row] for name in names}


def _drawn(text: str) -> float:
    """Uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
