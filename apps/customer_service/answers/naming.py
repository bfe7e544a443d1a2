"""Codes and names that stand in the answer of one FAQ alone: who asks for them asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from apps.customer_service.answers.lexical import REMEMBERED

# Letters and digits, whatever joins them: "DQ-18", "HP*7703".
JOINED = re.compile(r"[a-z0-9]+(?:[-*/.:_][a-z0-9]+)*")
LATIN = re.compile(r"[A-Za-z]+")
# What is written large within a sentence is a name, unless it stands in small letters elsewhere.
NAME = re.compile(r"(?:(?<=[^.!?:>…。！？：] )|(?<=[\u4e00-\u9fff「《]))[A-Z][A-Za-z]{3,}")
# "9am", "50p", "2nd": a number with its unit names nothing.
AMOUNT = re.compile(r"\d+[a-z]{1,3}")
SHORTEST_CODE = 2
SHORTEST_NUMBER = 5
# What is added to the fused score, 0 to 1. A code settles it. Names of 0.2 in place of 0.1 found
# no more of the sample data's `answer_words`, and put validation questions wrong.
CODE_WEIGHT, NAME_WEIGHT = 0.3, 0.1


@dataclass(frozen=True)
class Naming:
    """Codes and names, in small letters and without what joins them → the number of their FAQ."""

    codes: dict[str, int]
    names: dict[str, int]

    @classmethod
    def of(cls, texts: Sequence[str], owners: Sequence[int], are_answers: Sequence[bool]) -> Self:
        """Of the texts by which FAQs are found.

        Args:
            owners: [texts], the number of each one's FAQ.
            are_answers: [texts], whether it is a sentence of the answer.
        """
        owners_of: dict[str, set[int]] = {}
        small: set[str] = set()
        named: set[str] = set()
        for text, owner, is_answer in zip(texts, owners, are_answers, strict=True):
            found, in_small, in_large = _read(text)
            for word in found:
                owners_of.setdefault(word, set()).add(owner)
            small.update(in_small)
            named.update(in_large if is_answer else ())
        alone = {word: next(iter(own)) for word, own in owners_of.items() if len(own) == 1}
        return cls(
            {word: own for word, own in alone.items() if not word.isalpha()},
            {word: own for word, own in alone.items() if word in named - small},
        )

    def weights(self, text: str) -> dict[int, float]:
        """FAQ → what is added to its score for what a question names."""
        found = {self.names[word]: NAME_WEIGHT for word in _words(text) if word in self.names}
        return found | {self.codes[one]: CODE_WEIGHT for one in codes(text) if one in self.codes}


def codes(text: str) -> Iterator[str]:
    """Runs of letters and digits with both in them, and long numbers."""
    for run in JOINED.findall(text.lower()):
        bare = "".join(character for character in run if character.isalnum())
        digits = sum(character.isdigit() for character in bare)
        is_mixed = 0 < digits < len(bare) and len(bare) >= SHORTEST_CODE
        if AMOUNT.fullmatch(bare):
            continue
        if is_mixed or digits >= SHORTEST_NUMBER:
            yield bare


@lru_cache(REMEMBERED)
def _read(text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Its words and codes in small letters, what it has in small letters, and its names."""
    small = {word for word in LATIN.findall(text) if word.islower()}
    named = {word.lower() for word in NAME.findall(text)}
    return tuple({*codes(text), *_words(text)}), tuple(small), tuple(named)


def _words(text: str) -> list[str]:
    return LATIN.findall(text.lower())
