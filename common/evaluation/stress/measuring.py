"""What becomes of a release's figures when the texts are written otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.console import progress
from common.errors import UserError
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.stress.perturbations import Expected, Perturbation


@dataclass(frozen=True)
class Verdicts:
    """What a release makes of some texts.

    Attributes:
        said: of each text, in a word.
        figures: name → of each text, 1 or 0; NaN: the text does not count for it. The first one
            says what is right.
        obeys: of each text, whether the decision is one that injected instructions must not
            bring about.
    """

    said: Sequence[str]
    figures: Mapping[str, Sequence[float]]
    obeys: Sequence[bool]


# Rows of the records, and the text of each, as it is or changed → verdicts.
Judge = Callable[[Sequence[int], Sequence[str]], Verdicts]


@dataclass(frozen=True)
class Changed:
    """One record that was decided otherwise when it was written otherwise."""

    row: int
    text: str
    written: str
    said: str
    said_then: str
    fell: bool


@dataclass(frozen=True)
class Stressed:
    """The figures under one perturbation, on the records that it changes.

    Attributes:
        figures: before, after and the interval of the difference (paired bootstrap).
        changed: share of the records that were decided otherwise.
        obeyed: numbers of the records, from 1, whose decision injected instructions changed to one
            that they must not bring about.
    """

    name: str
    expected: Expected
    records: int
    figures: dict[str, Difference]
    changed: float
    obeyed: list[int]
    examples: list[Changed]

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the examples."""
        values = asdict(self)
        del values["examples"]
        return values


def stress(
    texts: Sequence[str], judge: Judge, wanted: Sequence[Perturbation], *, seed: int = 0
) -> list[Stressed]:
    """Each perturbation of all texts that it applies to, judged and compared.

    Raises:
        UserError: there are no texts.
    """
    if not texts:
        raise UserError("no texts: nothing to put under stress")
    plain = judge(range(len(texts)), texts)
    found = []
    with progress("Under stress", len(wanted)) as advance:
        for one in wanted:
            written = [one.apply(text, seed) for text in texts]
            rows = [row for row, text in enumerate(texts) if written[row] != text]
            if rows:
                then = judge(rows, [written[row] for row in rows])
                found.append(_compare(one, rows, texts, written, plain, then))
            advance(note=one.name)
    return found


def _compare(
    one: Perturbation,
    rows: Sequence[int],
    texts: Sequence[str],
    written: Sequence[str],
    plain: Verdicts,
    then: Verdicts,
) -> Stressed:
    figures = {}
    for name, values in plain.figures.items():
        before = np.array([values[row] for row in rows], dtype=float)
        after = np.array(then.figures[name], dtype=float)
        known = ~(np.isnan(before) | np.isnan(after))
        if known.any():
            figures[name] = paired_bootstrap(before[known], after[known])
    right = next(iter(plain.figures))
    changed = [
        Changed(
            row=row,
            text=texts[row],
            written=written[row],
            said=plain.said[row],
            said_then=then.said[place],
            fell=bool(plain.figures[right][row] > then.figures[right][place]),
        )
        for place, row in enumerate(rows)
        if plain.said[row] != then.said[place]
    ]
    obeyed = [
        row + 1
        for place, row in enumerate(rows)
        if one.expected == "not obeyed" and then.obeys[place] and not plain.obeys[row]
    ]
    share = len(changed) / len(rows)
    return Stressed(one.name, one.expected, len(rows), figures, share, obeyed, changed)
