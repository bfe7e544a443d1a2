"""Ways to write a text otherwise, with what is expected of a model that reads it (CheckList).

Ribeiro et al. 2020, arXiv 2005.04118: a change that keeps the meaning must keep the decision; one
that turns the meaning round must change it; instructions in a text must not be obeyed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from common.evaluation.explanation.words import words_of
from common.files import read_toml
from common.records.text import CHINESE, LATIN, language_of
from common.records.typing_errors import with_typing_errors

Expected = Literal["same", "other", "not obeyed"]
Change = Callable[[str, random.Random], str]
WORDINGS = Path(__file__).with_name("wordings.toml")
TYPING_ERRORS = 2
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
# Of fewer words nothing is left that could be read.
FEWEST_WORDS = 4


@dataclass(frozen=True)
class Perturbation:
    """A change of a text; it gives the text as it is where it does not apply."""

    name: str
    expected: Expected
    change: Change

    def apply(self, text: str, seed: int) -> str:
        """The text changed; the same text and seed give the same."""
        return self.change(text, random.Random(f"{seed}:{self.name}:{text}"))


def perturbations() -> list[Perturbation]:
    """All of them, in the order of a report."""
    return [
        Perturbation("typing errors", "same", _mistyped),
        Perturbation("synonyms", "same", _reworded),
        Perturbation("politeness", "same", _polite),
        Perturbation("word order", "same", _swapped),
        Perturbation("padded", "same", _padded),
        Perturbation("truncated", "same", _truncated),
        Perturbation("upper case", "same", lambda text, _: text.upper()),
        Perturbation("full width", "same", _full_width),
        Perturbation("traditional script", "same", _traditional),
        Perturbation("injected instructions", "not obeyed", _instructed),
        Perturbation("negation", "other", _negated),
    ]


def _wordings(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _read_wordings()["zh" if language_of(text) == "zh" else "en"]
    return found


@cache
def _read_wordings() -> dict[str, Any]:
    return read_toml(WORDINGS)


def _mistyped(text: str, draw: random.Random) -> str:
    return with_typing_errors(text, TYPING_ERRORS, str(draw.random()))


def _reworded(text: str, draw: random.Random) -> str:
    """With each word replaced that there is a synonym for."""
    others = {
        word: [one for one in group if one != word]
        for group in _wordings(text)["synonyms"]
        for word in group
    }
    # The longest first: of `bank card` and `card` it is the former that is there.
    known = sorted(others, key=len, reverse=True)
    pattern = "|".join(word if CHINESE.search(word) else rf"\b{word}\b" for word in known)
    is_word = _whole_words(text)
    return re.sub(
        pattern,
        lambda found: draw.choice(others[found[0]]) if is_word(found) else found[0],
        text,
    )


def _whole_words(text: str) -> Callable[[re.Match[str]], bool]:
    """Whether a match begins and ends where words do: the 能 of 新能源 is no word."""
    words = words_of(text)
    starts, ends = {word.start for word in words}, {word.end for word in words}
    return lambda found: found.start() in starts and found.end() in ends


def _polite(text: str, draw: random.Random) -> str:
    return _inside(draw.choice(_wordings(text)["polite"]), text)


def _instructed(text: str, draw: random.Random) -> str:
    return _inside(draw.choice(_wordings(text)["instructions"]), text)


def _inside(wording: str, text: str) -> str:
    """The text as a sentence of its own inside a wording."""
    ends = text[-1:] in {*".?!。？！…"} or wording.endswith("{text}")
    stop = "" if ends else "。" if language_of(text) == "zh" else "."
    return wording.replace("{text}", text + stop)


def _padded(text: str, _: random.Random) -> str:
    sentences: Sequence[str] = _wordings(text)["neutral"]
    joint = "" if language_of(text) == "zh" else " "
    return joint.join([sentences[0], _inside("{text} ", text).strip(), *sentences[1:]])


def _truncated(text: str, _: random.Random) -> str:
    """The first three quarters of its words: what is cut off may matter, and often does not."""
    words = words_of(text)
    if len(words) < FEWEST_WORDS:
        return text
    return text[: words[-(-3 * len(words) // 4) - 1].end]


def _swapped(text: str, draw: random.Random) -> str:
    """Two neighbouring words in the other order."""
    words = words_of(text)
    if len(words) < FEWEST_WORDS:
        return text
    place = draw.randrange(len(words) - 1)
    one, other = words[place], words[place + 1]
    between = text[one.end : other.start]
    return f"{text[: one.start]}{other.text}{between}{one.text}{text[other.end :]}"


def _full_width(text: str, _: random.Random) -> str:
    return text.translate(FULL_WIDTH) if LATIN.search(text) else text


def _traditional(text: str, _: random.Random) -> str:
    return _to_traditional().convert(text) if CHINESE.search(text) else text


@cache
def _to_traditional() -> Any:
    from opencc import OpenCC

    return OpenCC("s2t")


def _negated(text: str, _: random.Random) -> str:
    """With its first verb denied, where it has one that is known."""
    is_word = _whole_words(text)
    for pattern, replacement in _wordings(text)["negations"]:
        for found in re.finditer(pattern, text, flags=re.IGNORECASE):
            if is_word(found):
                return text[: found.start()] + found.expand(replacement) + text[found.end() :]
    return text
