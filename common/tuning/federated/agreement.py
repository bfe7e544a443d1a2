"""Which contributions pull elsewhere than the others: by their norm, and by their direction.

A view of a contribution is what may be looked at: the body, or where that is masked its sketch; and
the rows of labels, where they are not masked. Whoever is poisoned is left out one at a time, the
worst first, for a poisoned contribution spoils what the honest ones are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import RefusedError

Floats = NDArray[np.float64]
# A body may be longer than the bound by what a sketch of it errs by.
EXACT, SKETCHED = 1.001, 1.1
# Honest parties of the benchmark agree to .13 to .17; noise to 1 / √values, which for a sketch is
# .011.
LEAST_AGREEMENT, LEAST_OF_SKETCHES = 0.03, 0.05
# Rows of one label from two honest parties; those of two labels are at right angles.
LEAST_OF_ROWS = 0.5


@dataclass(frozen=True)
class View:
    """What may be looked at of one contribution.

    Attributes:
        body: [values].
        rows: (head, label) → its direction, of length 1.
        largest: of the heads, the longest row or value: of an honest party 1 at most.
    """

    body: Floats
    rows: Mapping[tuple[str, str], Floats]
    largest: float = 0.0


@dataclass(frozen=True)
class Judged:
    """How one contribution stands to the others.

    Attributes:
        norm: of the body.
        agreement: cosine between the body and the median of the others'; 0 where the norm is too
            large already.
        rows: median cosine between its rows and the others', over labels that both have, apart
            from what all labels have in common; None: there are not two.
        left_out: why; empty: it takes part.
    """

    norm: float
    agreement: float
    rows: float | None
    left_out: str = ""


def judge(views: Mapping[str, View], clipping: float, *, sketched: bool) -> dict[str, Judged]:
    """Look at every contribution, and leave out what is poisoned; of two, only by the norm.

    Raises:
        RefusedError: half of the parties or more are left out, so that nobody can say which half is
            honest; or none agrees with any other.
    """
    slack = SKETCHED if sketched else EXACT
    least = LEAST_OF_SKETCHES if sketched else LEAST_AGREEMENT
    left = dict(views)
    found: dict[str, Judged] = {}
    for party, view in views.items():
        norm = float(np.linalg.norm(view.body))
        why = ""
        if not np.isfinite(norm) or norm > slack * clipping:
            why = f"its norm, {norm:.3g}, is above the bound of {clipping:g}"
        elif view.largest > EXACT:
            why = f"a label's direction of length {view.largest:.3g} is above the bound of 1"
        if why:
            del left[party]
            found[party] = Judged(norm, 0.0, None, why)
    while len(left) > 2:
        judged = {party: _compare(view, others(left, party)) for party, view in left.items()}
        worst = min(judged, key=lambda party: _margin(judged[party], least))
        found |= judged
        if not (why := _why(judged[worst], least)):
            break
        _check_that_others_agree(
            {name: view for name, view in left.items() if name != worst}, least
        )
        found[worst] = Judged(judged[worst].norm, judged[worst].agreement, judged[worst].rows, why)
        del left[worst]
    for party, view in left.items() if len(left) <= 2 else ():
        found[party] = _compare(view, others(left, party))
    gone = {party: one.left_out for party, one in found.items() if one.left_out}
    if 2 * len(gone) >= len(views):
        told = "; ".join(f"{party}: {why}" for party, why in gone.items())
        raise RefusedError(
            f"half of the contributions or more do not agree with the others: {told}",
            hint="Nobody can tell from this which half is honest. Ask the parties, and begin a new "
            "round.",
        )
    return found


def _check_that_others_agree(rest: Mapping[str, View], least: float) -> None:
    """Who stands apart is told by others that stand together.

    Raises:
        RefusedError: they do not.
    """
    agreement = [_agreement(view, others(rest, party)) for party, view in rest.items()]
    if float(np.median(agreement)) < least:
        raise RefusedError(
            f"the parties agree on nothing: cosine {np.median(agreement):.2f} between what they "
            "changed",
            hint="Either there is nothing left that they could learn together, and the round "
            "before was the last; or several are poisoned. Nothing is averaged.",
        )


def others(views: Mapping[str, View], party: str) -> list[View]:
    """All but one."""
    return [view for name, view in views.items() if name != party]


def _compare(view: View, rest: list[View]) -> Judged:
    alike = [cosine for other in rest for cosine in _rows_alike(view.rows, other.rows)]
    rows = float(np.median(alike)) if alike else None
    return Judged(float(np.linalg.norm(view.body)), _agreement(view, rest), rows)


def _rows_alike(
    rows: Mapping[tuple[str, str], Floats], others: Mapping[tuple[str, str], Floats]
) -> list[float]:
    """Cosine of each label that both have, once what is common to all of these is taken off."""
    both = sorted(rows.keys() & others.keys())
    if len(both) < 2:
        return []
    here, there = (_centred(np.stack([some[label] for label in both])) for some in (rows, others))
    return [float(cosine) for cosine in np.sum(here * there, axis=1)]


def _centred(rows: Floats) -> Floats:
    """[labels, width] less its mean, each row of length 1."""
    apart = rows - rows.mean(axis=0)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    found: Floats = apart / np.maximum(lengths, 1e-12)
    return found


def _agreement(view: View, rest: list[View]) -> float:
    """Cosine with the coordinate-wise median of the others, each of the same length."""
    if not rest:
        return 1.0
    unit = [other.body / max(float(np.linalg.norm(other.body)), 1e-12) for other in rest]
    middle = np.median(unit, axis=0)
    lengths = float(np.linalg.norm(middle)) * float(np.linalg.norm(view.body))
    return float(view.body @ middle) / lengths if lengths else 0.0


def _why(judged: Judged, least: float) -> str:
    if judged.agreement < least:
        return f"it pulls elsewhere than the others: cosine {judged.agreement:.2f}"
    if judged.rows is not None and judged.rows < LEAST_OF_ROWS:
        return f"it holds the labels for others than they do: cosine {judged.rows:.2f}"
    return ""


def _margin(judged: Judged, least: float) -> float:
    rows = 1.0 if judged.rows is None else judged.rows - LEAST_OF_ROWS
    return min(judged.agreement - least, rows)
