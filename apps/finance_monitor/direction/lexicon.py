"""Words that say which way a text points, and where they stand in it.

What is good or bad when there is more of it, in which direction something moves, what happens for
better or worse, and what turns the rest round (Malo et al. 2014, "Good debt or bad debt"). An entry
is found in every form of its words that English forms by rule; of several, the longest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

Role = Literal[
    "good",
    "bad",
    "welcome",
    "unwelcome",
    "up",
    "down",
    "starts",
    "ends",
    "reverses",
    "untrue",
    "although",
    "but",
    "after",
    "then",
    "from",
    "to",
    "other",
]
ROLES: tuple[Role, ...] = get_args(Role)
# A number with its separators is one token, so that its comma ends no clause; "isn't" is two.
TOKEN = re.compile(
    r"(?P<own>(?<=[a-z])['’]s?\b)|(?P<not>n['’]t\b|(?<=can)not\b)"
    r"|[a-z]+(?=n['’]t\b)|can(?=not\b)|[a-z]+(?:-[a-z]+)*"
    r"|\d+(?:[.,]\d+)*%?|[\u4e00-\u9fff]|\S",
    re.IGNORECASE,
)
# An encoder reads no more of a text either.
LONGEST = 512
CHARACTER = re.compile(r"[\u4e00-\u9fff]")
STOPS = frozenset(",.;:!?，。；：！？—–")


@dataclass(frozen=True)
class Token:
    """A word, a Chinese character, a number or a mark, and where it stands in the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Match:
    """An entry in a text: tokens from `first` to before `last`, and what the entry can be."""

    first: int
    last: int
    roles: frozenset[Role]
    words: str


@dataclass
class Node:
    """All entries that begin alike."""

    roles: set[Role] = field(default_factory=set)
    following: dict[str, Node] = field(default_factory=dict)


class Lexicon:
    """Entries, found by their tokens.

    Args:
        entries: of each role, its words.
    """

    def __init__(self, entries: Mapping[Role, Sequence[str]]) -> None:
        self.entries = entries
        self._root = Node()
        for role, texts in entries.items():
            for text in texts:
                node = self._root
                for token in tokens(text):
                    node = node.following.setdefault(token.text, Node())
                node.roles.add(role)

    def corrected(self, own: Mapping[Role, Sequence[str]]) -> Lexicon:
        """With entries of one's own, each in place of what it was before."""
        replaced = {key_of(text) for texts in own.values() for text in texts}
        return Lexicon(
            {
                role: [
                    *(one for one in self.entries.get(role, ()) if key_of(one) not in replaced),
                    *own.get(role, ()),
                ]
                for role in ROLES
            }
        )

    def matches(self, text: str) -> Iterator[list[Match]]:
        """The entries in each clause of a text, from left to right."""
        found = tokens(text)[:LONGEST]
        inner = inner_characters(text)
        read = 0
        clause: list[Match] = []
        place = 0
        while place < len(found):
            length, roles = self._longest(self._root, found, place)
            # A negation is one in whatever word it begins, as in 未获.
            is_part = inner.get(found[place].start, -1) >= read and "reverses" not in roles
            if length > 1 or (length and not is_part):
                last = place + length
                words = text[found[place].start : (read := found[last - 1].end)]
                clause.append(Match(place, last, frozenset(roles), words))
                place = last
                continue
            if found[place].text in STOPS and clause:
                yield clause
                clause = []
            place += 1
        if clause:
            yield clause

    def _longest(self, node: Node, found: Sequence[Token], place: int) -> tuple[int, set[Role]]:
        best: tuple[int, set[Role]] = (0, node.roles)
        if place < len(found):
            for form in forms(found[place].text):
                if form in node.following:
                    length, roles = self._longest(node.following[form], found, place + 1)
                    if roles and length + 1 > best[0]:
                        best = length + 1, roles
        return best


def tokens(text: str) -> list[Token]:
    """Words in small letters, single Chinese characters, numbers and marks; "n't" is "not"."""
    return [
        Token("not" if one["not"] else one[0].lower(), *one.span())
        for one in TOKEN.finditer(text)
        if not one["own"]
    ]


def inner_characters(text: str) -> dict[int, int]:
    """Where the Chinese characters stand that are parts of longer words, and where those begin.

    The 加 of 加拿大 is no more. A word is one of rjieba's dictionary; what it guesses is none.
    """
    if not CHARACTER.search(text):
        return {}
    import rjieba

    found: dict[int, int] = {}
    start = 0
    for word in rjieba.cut(text):
        if len(word) > 1 and rjieba.has_word(word):
            found |= dict.fromkeys(range(start, start + len(word)), start)
        start += len(word)
    return found


@lru_cache(maxsize=2**14)
def forms(word: str) -> tuple[str, ...]:
    """What an English word may be a form of, itself first: "cuts" of "cut", "easing" of "ease"."""
    found = [word]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    elif word.endswith("s") and not word.endswith("ss"):
        found += [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            found += [stem, stem + "e"]
            if stem[-1] == stem[-2]:
                found.append(stem[:-1])
            if stem.endswith("i"):
                found.append(stem[:-1] + "y")
    return tuple(found)


def key_of(text: str) -> tuple[str, ...]:
    """By which an entry is the same as another, however it is written."""
    return tuple(token.text for token in tokens(text))
