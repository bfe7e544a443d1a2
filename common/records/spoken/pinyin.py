"""Chinese by its sounds: of characters, and of texts that spell them in Latin letters."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from common.records.text import LATIN_WORD, language_of

# What many speakers do not tell apart, and input methods take for the same.
ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
LONGEST_SYLLABLE = 6
VOWELS = "aeo"
# So many syllables are no accident, where nearly all letters of a text are spelled ones.
FEWEST_SYLLABLES = 3
SPELLED_SHARE = 0.7


def sound(character: str) -> str:
    """A Chinese character as it sounds, without tone, to an ear that does not tell zh from z."""
    return alike(pinyin(character))


def alike(syllable: str) -> str:
    """A syllable to an ear that does not tell zh from z, nor ang from an."""
    for long, short in ALIKE[:3]:
        syllable = short + syllable.removeprefix(long) if syllable.startswith(long) else syllable
    for long, short in ALIKE[3:]:
        syllable = syllable.removesuffix(long) + short if syllable.endswith(long) else syllable
    return syllable


@cache
def pinyin(character: str) -> str:
    """A Chinese character in Latin letters, without tone."""
    from pypinyin import Style, lazy_pinyin

    return str(lazy_pinyin(character, style=Style.NORMAL)[0])


@cache
def homophones() -> dict[str, str]:
    """Syllable → the usual characters that have it: those of GB 2312's first level."""
    characters = [
        bytes([high, low]).decode("gb2312", errors="ignore")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
    ]
    found: dict[str, str] = defaultdict(str)
    for character in filter(None, characters):
        found[pinyin(character)] += character
    return dict(found)


def syllables(word: str) -> list[str]:
    """The fewest syllables that a word in small letters is spelled of; none if it is not.

    A vowel alone is no syllable within a word, but for an `e` that begins it (额度, edu): "see"
    and "are" are English.
    """
    # By end: the fewest syllables up to there.
    best: list[list[str] | None] = [[], *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - LONGEST_SYLLABLE), end):
            before, last = best[start], word[start:end]
            is_alone = last in VOWELS and len(word) > 1 and not (last == "e" and start == 0)
            if before is None or is_alone or last not in homophones():
                continue
            known = best[end]
            if known is None or len(before) + 1 < len(known):
                best[end] = [*before, last]
    return best[-1] or []


def spelled(text: str) -> list[str]:
    """The syllables of a text that spells Chinese in Latin letters; none of another text.

    One word in three may be none, as in "wo de app denglu buliao".
    """
    if language_of(text) != "en":
        return []
    words = [word for word in LATIN_WORD.findall(text.lower()) if word.isalpha()]
    parted = {word: syllables(word) for word in words}
    found = [syllable for word in words for syllable in parted[word]]
    letters = sum(map(len, words))
    if len(found) < FEWEST_SYLLABLES or sum(map(len, found)) < SPELLED_SHARE * letters:
        return []
    return found
