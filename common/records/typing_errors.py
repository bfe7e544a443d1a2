"""Typing errors as people make them: on a keyboard, and by the sounds of Chinese characters.

Texts with errors teach a model to read past them, and show how much they cost.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from common.records.spoken.pinyin import homophones, pinyin
from common.records.text import CHINESE, LATIN

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Of the errors that people leave in English texts most replace or omit a letter (Baba & Suzuki
# 2012); Chinese is typed by sound, so that most errors are homophones (Liu et al. 2011).
LATIN_ERRORS = (("replace", 0.35), ("omit", 0.25), ("swap", 0.25), ("double", 0.15))
CHINESE_ERRORS = (("replace", 0.75), ("omit", 0.1), ("swap", 0.1), ("double", 0.05))


def with_typing_errors(text: str, count: int, seed: str) -> str:
    """The text with `count` typing errors; fewer where it has too few letters.

    The same text and seed give the same errors.
    """
    draw = random.Random(f"{seed}:{text}")
    letters = list(text)
    places = [i for i, letter in enumerate(letters) if CHINESE.match(letter) or LATIN.match(letter)]
    # From the end, so that places before stay where they are; apart, so that each can be seen.
    for place in sorted(_apart(draw, places, count), reverse=True):
        letters[place : place + 2] = _mistyped(draw, letters[place : place + 2])
    return "".join(letters)


def _apart(draw: random.Random, places: Sequence[int], count: int) -> list[int]:
    chosen: list[int] = []
    for place in draw.sample(places, len(places)):
        if len(chosen) < count and all(abs(place - other) > 2 for other in chosen):
            chosen.append(place)
    return chosen


def _mistyped(draw: random.Random, two: Sequence[str]) -> list[str]:
    """A letter and the one after it, with an error in the first."""
    first, rest = two[0], list(two[1:])
    kinds = CHINESE_ERRORS if CHINESE.match(first) else LATIN_ERRORS
    kind = draw.choices([name for name, _ in kinds], [share for _, share in kinds])[0]
    if kind == "double":
        return [first, first, *rest]
    if kind == "swap" and rest and rest[0].isalpha() and rest[0] != first:
        return [*rest, first]
    alike = homophones().get(pinyin(first), "") if CHINESE.match(first) else _neighbours(first)
    others = [letter for letter in alike if letter != first]
    # Some characters are alone in their sound.
    return [draw.choice(others), *rest] if others and kind != "omit" else rest


@cache
def _neighbours(letter: str) -> str:
    """Letters beside this one on the keyboard."""
    low = letter.lower()
    for row, keys in enumerate(KEYBOARD):
        if low in keys:
            column = keys.index(low)
            near = [
                KEYBOARD[r][c]
                for r in (row - 1, row, row + 1)
                for c in (column - 1, column, column + 1)
                if 0 <= r < len(KEYBOARD) and 0 <= c < len(KEYBOARD[r]) and (r, c) != (row, column)
            ]
            return "".join(near)
    return ""
