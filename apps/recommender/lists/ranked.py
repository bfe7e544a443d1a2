"""Ranked lists of some users, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Int32, Int64


@dataclass(frozen=True)
class Ranked:
    """Lists of some users: [users, k] each; places left over hold item -1 and stand last.

    `rule` is the number of the rule that put an item there, -1 where none did.
    """

    item: Int32
    score: NDArray[np.float32]
    text_score: NDArray[np.float32]
    p_click: NDArray[np.float32]
    p_purchase: NDArray[np.float32]
    p_like: NDArray[np.float32]
    source: NDArray[np.int8]
    cold_item: NDArray[np.bool_]
    cold_user: NDArray[np.bool_]
    rule: NDArray[np.int16]
    reasons: list[list[str]]


def joined(pieces: Sequence[Ranked], order: Int64) -> Ranked:
    """Rows of all pieces, in another order."""

    def column(name: str) -> NDArray[Any]:
        values: NDArray[Any] = np.concatenate([getattr(piece, name) for piece in pieces])[order]
        return values

    reasons = [texts for piece in pieces for texts in piece.reasons]
    arrays = {one.name: column(one.name) for one in fields(Ranked) if one.name != "reasons"}
    return Ranked(**arrays, reasons=[reasons[row] for row in order] if reasons else [])
