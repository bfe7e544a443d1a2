"""Pairs of texts that differ in little and must be decided otherwise (contrast sets).

Gardner et al. 2020, arXiv 2004.02709: who has learned what turns a decision round has both texts of
a pair right; who goes by the words that they share has one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import UserError

# Whether either text is right, and whether both were decided.
Pair = tuple[tuple[bool, bool], bool]


@dataclass(frozen=True)
class Consistency:
    """The share of pairs with both texts right, and the share of texts that are right.

    `decided` is the share of pairs of which the model abstained on neither text, and `both_decided`
    how many of those have both right; None where it always abstained.
    """

    pairs: int
    both: float
    texts: float
    decided: float
    both_decided: float | None


@dataclass(frozen=True)
class Contrast:
    """All pairs, and those of each group: by what they are grouped → group → its share."""

    all: Consistency
    groups: dict[str, dict[str, Consistency]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def contrast(
    right: Sequence[tuple[bool, bool]],
    groups: Mapping[str, Sequence[str | None]],
    decided: Sequence[bool] | None = None,
) -> Contrast:
    """How many pairs are read the right way round, and of which kinds.

    Args:
        right: of each pair, whether either text is decided rightly.
        groups: by what pairs are grouped → the group of each pair; None: it is in none.
        decided: of each pair, whether the model abstained on neither text; None: it never does.

    Raises:
        UserError: there are no pairs.
    """
    if not right:
        raise UserError("no pairs: nothing to measure by")
    pairs = list(zip(right, decided or [True] * len(right), strict=True))
    found = {}
    for name, members in groups.items():
        of_group: dict[str, list[Pair]] = defaultdict(list)
        for member, pair in zip(members, pairs, strict=True):
            if member is not None:
                of_group[member].append(pair)
        found[name] = {group: _consistency(of_group[group]) for group in sorted(of_group)}
    return Contrast(_consistency(pairs), found)


def _consistency(pairs: Sequence[Pair]) -> Consistency:
    of_decided = [all(right) for right, is_decided in pairs if is_decided]
    return Consistency(
        pairs=len(pairs),
        both=sum(all(right) for right, _ in pairs) / len(pairs),
        texts=sum(sum(right) for right, _ in pairs) / (2 * len(pairs)),
        decided=len(of_decided) / len(pairs),
        both_decided=sum(of_decided) / len(of_decided) if of_decided else None,
    )
