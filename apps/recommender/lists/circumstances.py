"""What lists go by beside their rules: the moment, what is to be had, and what gives way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Circumstances:
    """By default those of training: nothing is dated, and what is to be had the items say.

    Attributes:
        at: the moment, seconds since 1970; None: dated rules and `item_ttl` do nothing.
        available: [items], which can be had; None: as the items say.
        giving_way: [items] which may be shown → numbers of the items that make room for others.
    """

    at: float | None = None
    available: Mask | None = None
    giving_way: Callable[[Mask], Sequence[int]] = lambda _: ()


OF_TRAINING = Circumstances()
