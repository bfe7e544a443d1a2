"""What the sentences of a dialogue are, such as greetings and questions, and where they end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntFlag, auto
from functools import cache
from pathlib import Path

from common.errors import UserError
from common.files import read_toml

CUES = Path(__file__).with_name("cues.toml")
SENTENCE = re.compile(
    r"(?<=[!?])\s+|(?<=[^\s.].\.)\s+(?=[^a-z\s])|(?<=[。！？!?])(?=[^\s!?。！？])|\n+"
)
HALF_WIDTH = str.maketrans("’‘，。？！：；（）～", "'',.?!:;()~")


class Mark(IntFlag):
    """What a sentence may be, several at once; the names are those of `cues.toml`."""

    question = auto()
    problem = auto()
    follow_up = auto()
    leaning = auto()
    adding = auto()
    greeting = auto()
    identification = auto()
    vague = auto()
    thanks = auto()
    doubt = auto()
    correction = auto()
    holding = auto()
    closing = auto()
    enquiry = auto()
    own_account = auto()
    suspicious = auto()
    affirmation = auto()
    denial = auto()


def sentences(text: str) -> list[str]:
    """The sentences of a text, in their order, without the spaces around them."""
    return [part for piece in SENTENCE.split(text) if (part := piece.strip())]


def mark(texts: Iterable[str]) -> dict[str, Mark]:
    """What each text is; all of them at once, for that is some ten times as fast."""
    import polars as pl

    distinct = list(dict.fromkeys(texts))
    spelled = pl.Series([text.translate(HALF_WIDTH).strip() for text in distinct], dtype=pl.String)
    found = [0] * len(distinct)
    for kind, pattern in patterns(CUES).items():
        for place in spelled.str.contains(pattern).arg_true().to_list():
            found[place] |= kind
    return {text: Mark(marks) for text, marks in zip(distinct, found, strict=True)}


@cache
def patterns(path: Path) -> dict[Mark, str]:
    """The expression of each mark, from a file of the form of `cues.toml`.

    Raises:
        UserError: a mark is missing there.
    """
    rules = read_toml(path)
    if missing := [kind.name for kind in Mark if kind.name not in rules]:
        raise UserError(f"no cues for {', '.join(map(str, missing))}", where=str(path))
    return {kind: _pattern(rules[str(kind.name)]) for kind in Mark}


def _pattern(lists: dict[str, list[str]]) -> str:
    parts = [
        *(rf"\b(?:{one})\b" for one in lists.get("words", ())),
        *(rf"^\W*(?:{one})\W*$" for one in lists.get("whole", ())),
        *lists.get("any", ()),
    ]
    return f"(?i){'|'.join(parts)}"
