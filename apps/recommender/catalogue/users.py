"""The further columns of the users file, as features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.schema import User
from common.console import say


@dataclass(frozen=True)
class UserFeatures:
    """Further columns of the users file as numbers: [users, names], NaN where not known."""

    names: list[str]
    values: NDArray[np.float32]

    def aligned(self, names: Sequence[str]) -> UserFeatures:
        """These columns in this order: one that is missing is not known of anybody, and said."""
        if self.names == list(names):
            return self
        values = np.full((len(self.values), len(names)), np.nan, np.float32)
        for column, name in enumerate(names):
            if name in self.names:
                values[:, column] = self.values[:, self.names.index(name)]
        if missing := sorted(set(names).difference(self.names)):
            named = ", ".join(missing)
            say(f"User columns that the release expects and these files lack: {named}")
        if further := sorted(set(self.names).difference(names)):
            say(f"User columns that the release does not know, ignored: {', '.join(further)}")
        return UserFeatures(list(names), values)


def user_features(users: Sequence[User], numbers: Mapping[str, int]) -> UserFeatures:
    """Numbers as they are; each word of a column by its place among that column's words."""
    names = sorted({name for user in users for name in user.features})
    values = np.full((len(numbers), len(names)), np.nan, np.float32)
    for column, name in enumerate(names):
        cells = {user.user_id: user.features.get(name) for user in users}
        as_numbers = {user_id: _number(cell) for user_id, cell in cells.items()}
        if any(as_numbers[u] is None for u, cell in cells.items() if cell is not None):
            ordered = sorted({str(cell) for cell in cells.values() if cell is not None})
            as_numbers = {
                u: None if cell is None else float(ordered.index(str(cell)))
                for u, cell in cells.items()
            }
        for user_id, number in as_numbers.items():
            if number is not None:
                values[numbers[user_id], column] = number
    return UserFeatures(names, values)


def _number(cell: object) -> float | None:
    try:
        return float(str(cell))
    except ValueError:
        return None
