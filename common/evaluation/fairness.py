"""A figure by group, and whether a group fares worse or better than all others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.console import progress
from common.errors import UserError
from common.evaluation.compare import holm

if TYPE_CHECKING:
    from rich.table import Table

Rows = NDArray[np.int64]
# The figure of the records in these rows; None where they cannot give it.
Figure = Callable[[Rows], float | None]

RESAMPLES = 1000
# Of a figure that takes a few milliseconds each time.
FEW_RESAMPLES = 250
LEVEL = 0.05
# An interval over fewer records, and a comparison of them, would say nothing.
FEWEST = 5


@dataclass(frozen=True)
class Group:
    """A figure of one group, its 95 % interval, and how it compares with all other records.

    `difference` is the group's figure less that of the others; `p` is the probability of a
    difference as large by chance, adjusted for the number of groups. Each is None where there are
    too few records.
    """

    name: str
    records: int
    value: float | None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    p: float | None = None

    @property
    def stands_out(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class ByGroup:
    """One figure of all groups of some records."""

    figure: str
    everybody: float
    groups: list[Group]

    def table(self) -> Table:
        """For the terminal; a group that stands out is named worse or better."""
        from rich.markup import escape
        from rich.table import Table

        title = f"{self.figure.replace('_', ' ')} by group; all: {self.everybody:.3f}"
        table = Table("group", title=title, title_justify="left")
        for column in ("records", "figure", "95 % interval", "less the others", "p, adjusted", ""):
            table.add_column(column, justify="right")
        for one in self.groups:
            interval = "–" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
            table.add_row(
                escape(one.name),
                f"{one.records:,}",
                _show(one.value),
                interval,
                _show(one.difference, "+.3f"),
                _show(one.p),
                ("worse" if (one.difference or 0) < 0 else "better") if one.stands_out else "",
            )
        return table

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        groups = [{**asdict(one), "stands_out": one.stands_out} for one in self.groups]
        return {"figure": self.figure, "all": self.everybody, "groups": groups}


def mean_of(values: ArrayLike) -> Figure:
    """The mean of `values` [records], NaN left out, as a figure of rows."""
    known = np.asarray(values, float)

    def mean(rows: Rows) -> float | None:
        chosen = known[rows]
        chosen = chosen[~np.isnan(chosen)]
        return float(chosen.mean()) if len(chosen) else None

    return mean


def by_group(
    name: str,
    figure: Figure,
    members: Sequence[Collection[str]],
    *,
    counts: NDArray[np.bool_] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ByGroup:
    """The figure of every group, compared with that of the records outside it.

    The interval is a percentile bootstrap over the group's records (Efron & Tibshirani 1993), the
    comparison a permutation test, which holds for any figure (Good 2005), adjusted by Holm (1979).

    Args:
        name: of the figure.
        members: [records], the groups of each record.
        counts: [records], whether each counts for the figure; None: all do.
        resamples: of the interval, and at least so many permutations.

    Raises:
        UserError: the records cannot give the figure, or there are no two groups.
    """
    names = sorted({group for groups in members for group in groups})
    if len(names) < 2:
        known = f"all are {names[0]!r}" if names else "no record tells"
        raise UserError(f"there are no two groups to compare: {known}")
    counted = np.ones(len(members), dtype=bool) if counts is None else counts
    everything = np.flatnonzero(counted)
    whole = figure(everything)
    if whole is None:
        raise UserError(f"the records cannot give the figure {name!r}")
    random = np.random.default_rng(seed)
    groups = []
    with progress("Comparing groups", len(names)) as advance:
        for one in names:
            inside = np.array([one in members[row] for row in everything.tolist()])
            own, others = everything[inside], everything[~inside]
            groups.append(_one_group(one, figure, own, others, len(names), resamples, random))
            advance(note=one)
    adjusted = holm({one.name: one.p for one in groups if one.p is not None})
    return ByGroup(name, whole, [replace(one, p=adjusted.get(one.name)) for one in groups])


def summarised(
    summarise: Callable[[Sequence[Any]], Mapping[str, float]], outcomes: Sequence[Any], name: str
) -> Figure:
    """The figure that `summarise` calls `name`, as a figure of rows.

    Raises:
        UserError: it gives no such figure of these outcomes.
    """
    found = summarise(outcomes)
    if name not in found:
        raise UserError(f"--figure {name}: there is none", hint=f"There are: {', '.join(found)}")
    return lambda rows: summarise([outcomes[row] for row in rows]).get(name)


def _one_group(
    name: str,
    figure: Figure,
    own: Rows,
    others: Rows,
    groups: int,
    resamples: int,
    random: np.random.Generator,
) -> Group:
    value = figure(own)
    if value is None or len(own) < FEWEST:
        return Group(name, len(own), value)
    drawn = (figure(random.choice(own, len(own))) for _ in range(resamples))
    low, high = np.percentile([one for one in drawn if one is not None], [2.5, 97.5])
    known = Group(name, len(own), value, float(low), float(high))
    rest = figure(others)
    if rest is None or len(others) < FEWEST:
        return known
    difference = value - rest
    # So many that a difference can stand out at all among so many groups.
    permutations = max(resamples, int(2 * groups / LEVEL)) - 1
    everything = np.sort(np.concatenate([own, others]))
    larger = sum(
        _is_as_large(figure, random.permutation(everything), len(own), abs(difference))
        for _ in range(permutations)
    )
    return replace(known, difference=difference, p=(larger + 1) / (permutations + 1))


def _is_as_large(figure: Figure, order: Rows, size: int, difference: float) -> bool:
    """Whether chance alone parts the records so that they differ by as much."""
    first, second = figure(order[:size]), figure(order[size:])
    # Rounding must not make equal differences unequal.
    return first is None or second is None or abs(first - second) >= difference - 1e-12


def _show(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)
