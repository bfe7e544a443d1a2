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


@dataclass(frozen=True)
class Consistency:
    """The share of pairs with both texts right, and the share of texts that are right."""

    pairs: int
    both: float
    texts: float


@dataclass(frozen=True)
class Contrast:
    """All pairs, and those of each group: by what they are grouped → group → its share."""

    all: Consistency
    groups: dict[str, dict[str, Consistency]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def contrast(
    right: Sequence[tuple[bool, bool]], groups: Mapping[str, Sequence[str | None]]
) -> Contrast:
    """How many pairs are read the right way round, and of which kinds.

    Args:
        right: of each pair, whether either text is decided rightly.
        groups: by what pairs are grouped → the group of each pair; None: it is in none.

    Raises:
        UserError: there are no pairs.
    """
    if not right:
        raise UserError("no pairs: nothing to measure by")
    found = {}
    for name, members in groups.items():
        of_group: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        for member, pair in zip(members, right, strict=True):
            if member is not None:
                of_group[member].append(pair)
        found[name] = {group: _consistency(of_group[group]) for group in sorted(of_group)}
    return Contrast(_consistency(right), found)


def _consistency(right: Sequence[tuple[bool, bool]]) -> Consistency:
    both = sum(first and second for first, second in right)
    return Consistency(len(right), both / len(right), sum(map(sum, right)) / (2 * len(right)))
