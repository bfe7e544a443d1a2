"""Pairs of texts of one class, and of two classes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TextPair:
    """Two texts, and whether they are of one class."""

    first: str
    second: str
    is_same: bool


def draw_pairs(
    texts: Sequence[str], classes: Sequence[int], each: int, seed: int
) -> list[TextPair]:
    """For each text, `each` pairs with another of its class and `each` with one of another class.

    A text that is the only one of its class has pairs of the second kind alone. As in SetFit
    (Tunstall et al. 2022, arXiv 2209.11055, section 3.1).

    Args:
        classes: of the texts.
    """
    draw = random.Random(seed)
    members: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(classes):
        members[number].append(index)
    names = sorted(members)
    pairs = []
    for index, number in enumerate(classes):
        own = [other for other in members[number] if other != index]
        others = [name for name in names if name != number]
        for _ in range(each):
            if own:
                pairs.append(TextPair(texts[index], texts[draw.choice(own)], True))
            if others:
                # First a class, so that large ones are not all that small ones are told from.
                other = draw.choice(members[draw.choice(others)])
                pairs.append(TextPair(texts[index], texts[other], False))
    return pairs
