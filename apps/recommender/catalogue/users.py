"""The further columns of the users file, as features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.schema import User
from common.console import say

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class UserFeatures:
    """Further columns of the users file as numbers: [users, names], NaN where not known.

    `words` are those of each column that is no number throughout: a value is a place among them.
    """

    names: list[str]
    values: Float32
    words: Mapping[str, list[str]] = field(default_factory=dict)

    def aligned(
        self, names: Sequence[str], words: Mapping[str, list[str]] | None = None
    ) -> UserFeatures:
        """These columns in this order: one that is missing is not known of anybody, and said.

        Args:
            words: by whose places a value is told; what is not among them is not known. None: as
                they are here.
        """
        told = self.words if words is None else words
        if self.names == list(names) and self.words == told:
            return self
        values = np.full((len(self.values), len(names)), np.nan, np.float32)
        for column, name in enumerate(names):
            if name in self.names:
                own = self.values[:, self.names.index(name)]
                values[:, column] = _told_by(own, self.words.get(name), told.get(name))
        if missing := sorted(set(names).difference(self.names)):
            named = ", ".join(missing)
            say(f"User columns that the release expects and these files lack: {named}")
        if further := sorted(set(self.names).difference(names)):
            say(f"User columns that the release does not know, ignored: {', '.join(further)}")
        return UserFeatures(list(names), values, {n: told[n] for n in names if n in told})


def _told_by(values: Float32, own: list[str] | None, wanted: list[str] | None) -> Float32:
    """Values [users] by the places of other words; None for words: they are numbers."""
    if own == wanted:
        return values
    known = np.flatnonzero(~np.isnan(values))
    cells: list[Any] = values[known].tolist()
    if own is not None:
        cells = [own[int(place)] for place in cells]
    if wanted is None:
        found = [_number(cell) for cell in cells]
    elif own is None:
        of_number = {np.float32(n): place for place, n in _numbers_among(wanted)}
        found = [of_number.get(np.float32(cell)) for cell in cells]
    else:
        of_word = {word: float(place) for place, word in enumerate(wanted)}
        found = [of_word.get(cell) for cell in cells]
    told = np.full(len(values), np.nan, np.float32)
    told[known] = np.array(found, np.float32)
    return told


def _numbers_among(words: Sequence[str]) -> list[tuple[float, float]]:
    """Those that are numbers, behind their places."""
    known = ((float(place), _number(word)) for place, word in enumerate(words))
    return [(place, number) for place, number in known if number is not None]


def user_features(users: Sequence[User], numbers: Mapping[str, int]) -> UserFeatures:
    """Numbers as they are; each word of a column by its place among that column's words."""
    names = sorted({name for user in users for name in user.features})
    values = np.full((len(numbers), len(names)), np.nan, np.float32)
    words: dict[str, list[str]] = {}
    for column, name in enumerate(names):
        cells = {user.user_id: user.features.get(name) for user in users}
        known = {user_id: cell for user_id, cell in cells.items() if cell is not None}
        as_numbers = {user_id: _number(cell) for user_id, cell in known.items()}
        if None in as_numbers.values():
            words[name] = sorted({str(cell) for cell in known.values()})
            place = {word: float(n) for n, word in enumerate(words[name])}
            as_numbers = {user_id: place[str(cell)] for user_id, cell in known.items()}
        for user_id, number in as_numbers.items():
            values[numbers[user_id], column] = number
    return UserFeatures(names, values, words)


def _number(cell: object) -> float | None:
    """None for a word; NaN, not known, for what single precision cannot hold."""
    try:
        number = float(str(cell))
    except ValueError:
        return None
    return number if abs(number) <= float(np.finfo(np.float32).max) else np.nan
