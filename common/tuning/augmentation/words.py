"""Texts as words that may be left out, moved or replaced, and those that must stay."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from common.records.text import CHINESE
from common.tuning.augmentation.protected import NEGATION, protected_places

MOST_CHANGES = 2
# One word of so many may be left out or moved: of less there would be too little left to go by.
WORDS_PER_CHANGE = 3
RUN = re.compile(
    rf"(?P<chinese>{CHINESE.pattern}+)"
    rf"|(?P<word>(?:(?!{CHINESE.pattern})[^\W_])+(?:['’-](?:(?!{CHINESE.pattern})[^\W_])+)*)"
    r"|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Piece:
    """A word, spaces, or another character; joined, the pieces are the text.

    `is_held`: must stay what and where it is, as must the word that a negation stands before.
    """

    text: str
    is_word: bool
    is_held: bool

    @property
    def may_move(self) -> bool:
        """Whether it is a word that may be left out or moved."""
        return self.is_word and not self.is_held


def pieces(text: str) -> list[Piece]:
    """The text in its pieces; Chinese words as rjieba finds them."""
    held, found, place, is_negated = protected_places(text), [], 0, False
    for part, is_word in _cut(text):
        is_held = any(n in held for n in range(place, place + len(part)))
        found.append(Piece(part, is_word, is_held or (is_word and is_negated)))
        if not part.isspace():
            is_negated = is_word and is_held and bool(NEGATION.fullmatch(part))
        place += len(part)
    return found


def joined(parts: list[Piece]) -> str:
    """The text of its pieces."""
    return "".join(piece.text for piece in parts)


def without_words(text: str, draw: random.Random) -> str:
    """The text without one or two of its words (Wei & Zou 2019, arXiv 1901.11196)."""
    parts = pieces(text)
    for _ in range(_changes(parts, draw)):
        places = [n for n, piece in enumerate(parts) if piece.may_move]
        if places:
            _leave_out(parts, draw.choice(places))
    return joined(parts)


def with_words_swapped(text: str, draw: random.Random) -> str:
    """The text with one or two words before the word that they came after."""
    parts = pieces(text)
    for _ in range(_changes(parts, draw)):
        pairs = _neighbours(parts)
        if pairs:
            first, second = draw.choice(pairs)
            parts[first], parts[second] = parts[second], parts[first]
    return joined(parts)


def elsewhere(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` made to all that may change."""
    runs = groupby(pieces(text), key=lambda piece: piece.is_held)
    return "".join(joined([*run]) if is_held else change(joined([*run])) for is_held, run in runs)


def _cut(text: str) -> list[tuple[str, bool]]:
    import rjieba

    found: list[tuple[str, bool]] = []
    for run in RUN.finditer(text):
        if run.lastgroup == "chinese":
            found += [(word, True) for word in rjieba.cut(run.group())]
        else:
            found.append((run.group(), run.lastgroup == "word"))
    return found


def _changes(parts: list[Piece], draw: random.Random) -> int:
    words = sum(piece.is_word for piece in parts)
    return min(draw.randint(1, MOST_CHANGES), words // WORDS_PER_CHANGE)


def _leave_out(parts: list[Piece], place: int) -> None:
    """Take a word out, and a space that would otherwise stand beside another or at an end."""
    del parts[place]
    before = parts[place - 1].text if place else " "
    after = parts[place].text if place < len(parts) else " "
    if before.isspace() and after.isspace() and parts:
        del parts[place if place < len(parts) else place - 1]


def _neighbours(parts: list[Piece]) -> list[tuple[int, int]]:
    """Places of two words that follow each other, with a space between them or nothing."""
    found = []
    for first, piece in enumerate(parts):
        second = first + 1
        if second < len(parts) and parts[second].text.isspace():
            second += 1
        if second < len(parts) and piece.may_move and parts[second].may_move:
            found.append((first, second))
    return found
