"""What rules make of a catalogue in some circumstances: all that a list goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.lists.circumstances import Circumstances, Mask
from apps.recommender.lists.diversity import Cap
from apps.recommender.lists.item_rules import Decided, Int32, Pin, decide
from apps.recommender.lists.rules import Rules


@dataclass(frozen=True)
class Decisions:
    """What lists go by.

    Attributes:
        allowed: [items], which may be shown to anybody.
        pins: what rules force.
        kept_out: how many items each rule, or `item_ttl`, keeps out of all lists.
        of: the rules and which of them are in force, by which `decided` holds.
    """

    allowed: Mask
    caps: Sequence[Cap]
    pins: Sequence[Pin]
    kept_out: dict[str, int]
    of: tuple[object, ...]
    decided: Decided

    @property
    def wanted(self) -> Int32 | None:
        """Items that are found for everybody; None: none is."""
        return np.concatenate([pin.items for pin in self.pins]) if self.pins else None


def decisions(
    rules: Rules,
    circumstances: Circumstances,
    catalogue: Catalogue,
    popularity: NDArray[np.float32],
    before: Decisions | None = None,
) -> Decisions:
    """Go by `rules`; conditions are not looked for in all texts again where only the stock changed.

    Args:
        popularity: [items], higher is more popular.
        before: what was gone by until now.
    """
    at = circumstances.at
    of = (rules.rule, rules.in_force(at))
    is_same = before is not None and before.of == of
    decided = before.decided if before and is_same else decide(rules.rule, catalogue, at)
    expired = int(rules.expired(catalogue, at).sum())
    return Decisions(
        allowed=rules.allowed(catalogue, decided, circumstances),
        caps=rules.caps(catalogue),
        pins=decided.pins(rules.rule, popularity),
        kept_out=decided.kept_out(rules.rule) | ({"item_ttl": expired} if expired else {}),
        of=of,
        decided=decided,
    )
