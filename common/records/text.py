"""Text before encoding and search: normalised, its language, its words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
KANA = re.compile(r"[\u3040-\u30ff]")
LATIN = re.compile(r"[A-Za-z]")
LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*")


def normalise(text: str) -> str:
    """One spelling for what reads the same: NFKC, simplified Chinese, single spaces.

    Control and format characters go; letters keep their case.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    # Before NFKC, for what is invisible may stand between a letter and its accent.
    text = "".join(" " if c.isspace() else c for c in text if c.isspace() or _is_visible(c))
    text = unicodedata.normalize("NFKC", text)
    if CHINESE.search(text):
        text = _to_simplified().convert(text)
    return " ".join(text.split())


def fold(text: str) -> str:
    """A key under which texts that differ in case, punctuation and spaces alone are equal."""
    return "".join(c for c in normalise(text).casefold() if c.isalnum())


def searchable(text: str) -> str:
    """What is looked for and what it is looked for in: NFKC, one case, simplified Chinese."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _to_simplified().convert(folded) if CHINESE.search(folded) else folded


def language_of(text: str) -> str:
    """`zh`, `en` or `other`, by script.

    One Chinese character weighs as much as three Latin letters, so that 我的APP登录不了 is
    Chinese. Any Japanese kana makes it `other`; Latin letters count as English.
    `spoken.language` goes by words as well.
    """
    chinese, latin = len(CHINESE.findall(text)), len(LATIN.findall(text))
    if KANA.search(text) or not chinese + latin:
        return "other"
    return "zh" if 3 * chinese >= latin else "en"


def words(text: str) -> list[str]:
    """Words for lexical search, lower case: Chinese ones segmented, punctuation dropped."""
    text = normalise(text).lower()
    if not CHINESE.search(text):
        return LATIN_WORD.findall(text)
    return [word for word in _segment(text) if any(c.isalnum() for c in word)]


def _segment(text: str) -> list[str]:
    import rjieba

    found: list[str] = rjieba.cut_for_search(text)
    return [word.strip() for word in found]


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


@cache
def _to_simplified() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
