"""The words of a text with their places in it, and where they are in what a model read of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from common.records.text import CHINESE, LATIN_WORD, normalise

# Of a spelling that is one character long, so that places stay what they are.
NOTHING = "\0"


@dataclass(frozen=True)
class Word:
    """A word, its place `text[start:end]`, and by how much it moves the score.

    A weight above 0 speaks for what is explained, one below 0 against it.
    """

    text: str
    start: int
    end: int
    weight: float = 0.0


def words_of(text: str) -> list[Word]:
    """The words of a text as it stands, without punctuation; Chinese ones are segmented."""
    if not CHINESE.search(text):
        return [Word(found[0], found.start(), found.end()) for found in LATIN_WORD.finditer(text)]
    import rjieba

    found, place = [], 0
    # Segmented in one spelling of each character, for the segmenter knows simplified ones best.
    for piece in rjieba.cut(_plain(text)):
        end = place + len(piece)
        if any(character.isalnum() for character in piece):
            found.append(Word(text[place:end], place, end))
        place = end
    return found


def places_in(read: str, text: str) -> list[int | None]:
    """Of each character of `read`, the place in `text` that it comes from; None: from none.

    Args:
        read: what became of `text`: normalised, masked, with a prompt in front.
    """
    if read == text:
        return list(range(len(text)))
    found: list[int | None] = [None] * len(read)
    matcher = SequenceMatcher(None, _plain(read).lower(), _plain(text).lower(), autojunk=False)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            found[block.a + step] = block.b + step
    return found


def weighed(
    text: str, read: str, spans: Sequence[tuple[int, int]], weights: Sequence[float]
) -> list[Word]:
    """The words of `text`, each with the weights of the tokens that it was read as.

    A token of several words is shared out by characters; one of none, like a comma, is left out.

    Args:
        spans: of each token its place in `read`.
        weights: of each token.
    """
    words = words_of(text)
    owner: dict[int, int] = {
        place: number for number, word in enumerate(words) for place in range(word.start, word.end)
    }
    places = places_in(read, text)
    sums = [0.0] * len(words)
    for (start, end), weight in zip(spans, weights, strict=True):
        found = [owner.get(place) for place in places[start:end] if place is not None]
        owners = [number for number in found if number is not None]
        for number in owners:
            sums[number] += weight / len(owners)
    return [
        Word(word.text, word.start, word.end, total)
        for word, total in zip(words, sums, strict=True)
    ]


def without(text: str, start: int, end: int) -> str:
    """The text with a part left out."""
    return f"{text[:start]} {text[end:]}"


def _plain(text: str) -> str:
    """One spelling for each character, each as long as before; what has none is `NOTHING`."""
    return text if text.isascii() else "".join(map(_one, text))


def _one(character: str) -> str:
    if character.isspace():
        return " "
    spelled = normalise(character) or unicodedata.normalize("NFKC", character)
    return spelled if len(spelled) == 1 else NOTHING
