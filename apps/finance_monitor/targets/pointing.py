"""Where a text names companies, and how the encoder is pointed at one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from common.records.text import normalise

# From and to, in characters of a prepared text.
Span = tuple[int, int]
# Hardly any news has braces, and every tokenizer has them.
OPENING, CLOSING = "{", "}"
_POINTED = re.compile(r"\{[^{}]*\}")
# What ends a clause; inside a number it does not.
_MARKS = re.compile(r"[,.;:!?，。；：！？—–](?!\d)")
_OTHER_BRACES = str.maketrans({OPENING: "(", CLOSING: ")"})


def occurrences(text: str, names: Iterable[str]) -> list[Span]:
    """Where a prepared text has one of these names, in any case; the longest where they overlap."""
    known = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    if not known:
        return []
    pattern = "|".join(map(whole, known))
    return [found.span() for found in re.finditer(pattern, text, re.IGNORECASE)]


def point_at(text: str, name: str, named: Mapping[str, Sequence[Span]]) -> str:
    """Put every mention of one company in braces, or its name in front if there is none.

    Args:
        named: the companies of the text, and where it names them.
    """
    spans = sorted(named.get(name, ()))
    read = without_braces(text)
    if not spans:
        # Spelled as what was learned: a name may come in another script than its text.
        return f"{OPENING}{without_braces(normalise(name))}{CLOSING} {read}"
    parts, end = [], 0
    for start, stop in spans:
        parts += [read[end:start], OPENING, read[start:stop], CLOSING]
        end = stop
    return "".join([*parts, read[end:]])


def without_braces(text: str) -> str:
    """The text with parentheses for braces: those are for companies."""
    return text.translate(_OTHER_BRACES)


def bare(pointed: str) -> str:
    """The text that `point_at` was given, whichever company it points at.

    One that has no mention keeps its name in front.
    """
    return pointed.replace(OPENING, "").replace(CLOSING, "")


def own_clauses(pointed: str) -> str:
    """Of a text that `point_at` made, the clauses that have a mention; its words are left out.

    Nothing of a text in which nothing is pointed at.
    """
    clauses = _MARKS.split(_POINTED.sub(OPENING, pointed))
    return "; ".join(one.replace(OPENING, " ") for one in clauses if OPENING in one)


def whole(name: str) -> str:
    """A pattern for a name; Latin letters do not go on before or after it."""
    before = "(?<![A-Za-z0-9])" if name[0].isascii() and name[0].isalnum() else ""
    after = "(?![A-Za-z0-9])" if name[-1].isascii() and name[-1].isalnum() else ""
    return f"{before}{re.escape(name)}{after}"
