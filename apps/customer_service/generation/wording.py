"""Words that turn a statement into another one, and those that claim nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.files import read_toml
from common.records.text import CHINESE, LATIN_WORD, normalise

WORDING = Path(__file__).with_name("wording.toml")
# English words are alike by their beginnings, without an ending: `tap`, `tapping`.
STEM = 5
ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
DOUBLED = re.compile(r"([^aeiouls])\1$")
# Quantities are compared as such.
NUMERAL = re.compile(
    "[零一二两三四五六七八九十百千万亿半几\\d]+[个元块天日月年周次张笔把家位条页期种倍岁点分]?"
)


@dataclass(frozen=True)
class Wording:
    """What stands in `wording.toml`.

    Attributes:
        same: a way to say it → the one that stands for all.
        classes: name → the words of the class.
        kept: the classes that may not be left out.
        against: class → another; it may be said where the source does not say the other.
        unclaimed: words without a claim of their own.
        light: words that a reply may add to its source, by their beginnings.
    """

    same: Mapping[str, str]
    classes: Mapping[str, re.Pattern[str]]
    kept: frozenset[str]
    against: Mapping[str, str]
    unclaimed: frozenset[str]
    light: frozenset[str]
    _found: re.Pattern[str]

    def canonical(self, text: str) -> str:
        """Normalised, in lower case, what is the same said alike."""
        text = normalise(text).lower().replace("’", "'")
        return self._found.sub(lambda match: self.same[match[0]], text)

    def classes_of(self, text: str) -> dict[str, int]:
        """How often each class is said in a canonical text."""
        counts = {name: len(one.findall(text)) for name, one in self.classes.items()}
        return {name: count for name, count in counts.items() if count}

    def denied_in(self, text: str) -> set[str]:
        """The words that stand after the first denial in a canonical clause."""
        match = self.classes["denied"].search(text)
        return set(self.words(text[match.end() :])) if match else set()

    def words(self, text: str) -> list[str]:
        """The words of a canonical text that claim something, by their beginnings, in order."""
        found = []
        for word in _segmented(text):
            if {word, stem(word)} & self.unclaimed or word[0].isdigit() or NUMERAL.fullmatch(word):
                continue
            found.append(word if CHINESE.search(word) else stem(word))
        return found


@cache
def load_wording(path: Path = WORDING) -> Wording:
    """Read the file."""
    rules = read_toml(path)
    same: dict[str, str] = rules["same"]
    parts = (
        re.escape(one) if CHINESE.search(one) else rf"\b{re.escape(one)}\b"
        for one in sorted(same, key=len, reverse=True)
    )
    return Wording(
        same=same,
        classes={
            name: re.compile(rf"\b(?:{one['en']})\b|{one['zh']}")
            for name, one in rules["classes"].items()
        },
        kept=frozenset(name for name, one in rules["classes"].items() if one.get("kept")),
        against={
            name: one["against"] for name, one in rules["classes"].items() if "against" in one
        },
        unclaimed=frozenset(rules["unclaimed"]["en"]) | frozenset(rules["unclaimed"]["zh"]),
        light=frozenset(map(stem, rules["light"]["en"])) | frozenset(rules["light"]["zh"]),
        _found=re.compile("|".join(parts)),
    )


def stem(word: str) -> str:
    """The beginning by which an English word and its other forms are known."""
    return DOUBLED.sub(r"\1", ENDING.sub("", word))[:STEM].rstrip("e")


def _segmented(text: str) -> list[str]:
    if not CHINESE.search(text):
        return LATIN_WORD.findall(text)
    import rjieba

    return [word for word in rjieba.cut(text) if any(c.isalnum() for c in word)]
