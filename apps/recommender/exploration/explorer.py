"""One place of some lists is given to chance, and how probable each item was is known."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.lists.diversity import FIRST
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from common.errors import UserError

# So many items below a list are drawn from: further down they suit nobody.
MOST_BELOW = 50


@dataclass(frozen=True)
class Drawn:
    """A list of which one place may have been given to chance.

    Attributes:
        places: [shown] places of the ranked list that are shown, in their order.
        propensity: [shown], how probable it was that this item would be shown there.
        explored: the place that was given to chance, from 0; None: none was.
    """

    places: list[int]
    propensity: list[float]
    explored: int | None = None


class Explorer:
    """Draws: with probability `share` one place of a list, any alike, takes an item from below it.

    What a rule put first stays there. A list of n other places above m items shows what it always
    would with propensity 1 − share / n at each of them, and each item from below at each of them
    with share / (n m). Safe to use from several threads.

    Args:
        share: of the lists, above 0 and at most 1.
        seed: the same draws in the same order of requests.
    """

    def __init__(self, share: float, seed: int | Sequence[int] = 0) -> None:
        self.share = share
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether the next list gives a place to chance."""
        with self._lock:
            return bool(self._random.random() < self.share)

    @staticmethod
    def depth(k: int, *, is_due: bool) -> int:
        """How many places have to be ranked for a list of `k`, so that its own stay as they are."""
        return k + (max(1, min(MOST_BELOW, FIRST - k)) if is_due else 1)

    def draw(self, ranked: Ranked, k: int, *, is_due: bool) -> Drawn:
        """The first list of `ranked`, which has `depth(k)` places, cut to `k`.

        One without anything below it has nothing to explore: all of it has propensity 1.
        """
        present = int((ranked.item[0] >= 0).sum())
        shown = min(k, present)
        places = list(range(shown))
        free = np.flatnonzero(ranked.rule[0, :shown] == NO_RULE)
        below = present - shown
        if not below or not len(free):
            return Drawn(places, [1.0] * shown)
        propensity = np.ones(shown)
        propensity[free] = 1 - self.share / len(free)
        explored = None
        if is_due:
            with self._lock:
                explored = int(self._random.choice(free))
                places[explored] = shown + int(self._random.integers(below))
            propensity[explored] = self.share / (len(free) * below)
        return Drawn(places, propensity.tolist(), explored)


def price(ranked: Ranked, drawn: Drawn) -> float | None:
    """Clicks lost by what was drawn, as the release estimates them; None where it does not."""
    if drawn.explored is None:
        return None
    clicked: NDArray[np.float32] = ranked.p_click[0]
    lost = float(clicked[drawn.explored] - clicked[drawn.places[drawn.explored]])
    return None if math.isnan(lost) else lost


def parse_share(text: str | None) -> float | None:
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
            f"--explore {text}: not a share above 0 and at most 1", hint="For example 5%."
        )
    return share


def said(share: float) -> str:
    """What exploring costs at most, in a sentence."""
    return (
        f"Exploring: {share:.1%} of the lists give one place to an item from below, so of ten "
        f"places {share / 10:.2%}. Each answer states the clicks that it is estimated to lose."
    )
