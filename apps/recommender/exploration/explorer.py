"""One place of some lists is given to chance, and how probable each item was is known."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.lists.diversity import FIRST
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from common.errors import UserError

Chances = Callable[[Sequence[str], np.random.Generator], NDArray[np.float64]]

# What is drawn is shown with less, what stays with more, in a list of two places or more.
DRAWN_BELOW = 0.5
# So many items below a list are drawn from: further down they suit nobody.
MOST_BELOW = 50


@dataclass(frozen=True)
class Drawn:
    """A list of which one place may have been given to chance.

    Attributes:
        places: [shown] places of the ranked list that are shown, in their order.
        propensity: [shown], how probable it was that this item would be shown there.
        explored: the place that was given to chance, from 0; None: none was.
        instead_of: the place of the ranked list that would stand there.
    """

    places: list[int]
    propensity: list[float]
    explored: int | None = None
    instead_of: int | None = None


class Explorer:
    """Draws: with probability `share` one place of a list, any alike, takes an item from below it.

    What a rule put somewhere stays there. A list of n other places shows what it always would with
    propensity 1 − share / n at each of them, and each item from below at each of them with its
    chance · share / n; of m items that are alike, the chance is 1 / m. Safe to use from several
    threads.

    Args:
        share: of the lists, above 0 and at most 1.
        seed: the same draws in the same order of requests.
        chances: ids of the items below → their chances, above 0, with a sum of 1; None: alike.
    """

    def __init__(
        self, share: float, seed: int | Sequence[int] = 0, chances: Chances | None = None
    ) -> None:
        self.share = share
        self._chances = chances
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether the next list gives a place to chance."""
        with self._lock:
            return bool(self._random.random() < self.share)

    @staticmethod
    def depth(k: int, *, is_due: bool) -> int:
        """How many places have to be ranked for a list of `k`, so that its own stay as they are."""
        return k + (_below(k) if is_due else 1)

    def draw(
        self,
        ranked: Ranked,
        places: Sequence[int],
        *,
        is_due: bool,
        held: Collection[int] = (),
        ids: Sequence[str] = (),
    ) -> Drawn:
        """The first list of `ranked`, which has `depth` places or more, with one given to chance.

        One without anything below it has nothing to explore: all of it has propensity 1.

        Args:
            places: those of `ranked` that would be shown, in their order.
            held: of `places`, from 0, what is not given to chance beside what rules decided.
            ids: of all items, by number; where items are not alike.
        """
        shown, present = len(places), np.flatnonzero(ranked.item[0] >= 0)
        is_free = ranked.rule[0, list(places)] == NO_RULE
        is_free[list(held)] = False
        free = np.flatnonzero(is_free)
        below = np.setdiff1d(present, list(places))[: _below(shown)]
        found = list(places)
        if not len(below) or not len(free):
            return Drawn(found, [1.0] * shown)
        propensity = np.ones(shown)
        propensity[free] = 1 - self.share / len(free)
        explored = instead_of = None
        if is_due:
            with self._lock:
                explored = int(self._random.choice(free))
                chances = self._of(ranked.item[0, below], ids)
                drawn = int(self._random.choice(len(below), p=chances))
            found[explored], instead_of = int(below[drawn]), places[explored]
            propensity[explored] = self.share * chances[drawn] / len(free)
        return Drawn(found, propensity.tolist(), explored, instead_of)

    def _of(self, items: NDArray[np.int32], ids: Sequence[str]) -> NDArray[np.float64]:
        """[items] chances; under the lock."""
        if self._chances is None:
            return np.full(len(items), 1 / len(items))
        return self._chances([ids[number] for number in items.tolist()], self._random)


def _below(k: int) -> int:
    """How many items below a list of `k` are drawn from."""
    return max(1, min(MOST_BELOW, FIRST - k))


def price(ranked: Ranked, drawn: Drawn) -> float | None:
    """Clicks lost by what was drawn, as the release estimates them; None where it does not."""
    if drawn.explored is None or drawn.instead_of is None:
        return None
    clicked: NDArray[np.float32] = ranked.p_click[0]
    lost = float(clicked[drawn.instead_of] - clicked[drawn.places[drawn.explored]])
    return None if math.isnan(lost) else lost


def parse_share(option: str, text: str | None) -> float | None:
    """`5%` or `0.05` as a share; None where nothing is given.

    Raises:
        UserError: not above 0 and at most 1.
    """
    if text is None:
        return None
    try:
        number = text.strip().removesuffix("%")
        share = float(number) / (100 if number != text.strip() else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise UserError(
            f"{option} {text}: not a share above 0 and at most 1", hint="For example 5%."
        )
    return share


def said(share: float) -> str:
    """What exploring costs at most, in a sentence."""
    return (
        f"Exploring: {share:.1%} of the lists give one place to an item from below, so of ten "
        f"places {share / 10:.2%}. Each answer states the clicks that it is estimated to lose."
    )
