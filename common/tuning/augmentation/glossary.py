"""A business's own words that mean the same, from a file of its own."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import check_readable, read_toml
from common.records.text import CHINESE
from common.tuning.augmentation.protected import protected
from common.tuning.augmentation.words import pieces

MOST_REPLACED = 2
FORM = 'A TOML file holds groups = [["card", "bank card"], ["卡", "银行卡"]]; a CSV file one a row.'


class Glossary:
    """Groups of words; each of a group may stand for any other of it."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._others: dict[str, list[str]] = {}
        for group in groups:
            for word in group:
                others = self._others.setdefault(word.casefold(), [])
                others += [one for one in group if one.casefold() != word.casefold()]
        # The longest first: of `bank card` and `card` it is the former that is there.
        words = sorted(self._others, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole, words)), re.IGNORECASE)

    def replace(self, text: str, draw: random.Random) -> str:
        """The text with one or two of its words replaced; as it is if it has none of them."""
        held, place = set[int](), 0
        for piece in pieces(text):
            if piece.is_held:
                held.update(range(place, place + len(piece.text)))
            place += len(piece.text)
        found = [m for m in self._pattern.finditer(text) if held.isdisjoint(range(*m.span()))]
        chosen = draw.sample(found, min(len(found), draw.randint(1, MOST_REPLACED)))
        for match in sorted(chosen, key=lambda one: -one.start()):
            other = draw.choice(self._others[match.group().casefold()])
            other = other[0].upper() + other[1:] if match.group()[0].isupper() else other
            text = text[: match.start()] + other + text[match.end() :]
        return text


def read_glossary(path: Path) -> Glossary:
    """Read groups of words that mean the same from a TOML or a CSV file.

    Raises:
        UserError: the file is missing or broken, a group has fewer than two words, or a word is
            what augmentation never changes: a number or a negation.
    """
    check_readable(path)
    groups = _from_toml(path) if path.suffix == ".toml" else _from_csv(path)
    if not groups:
        raise UserError("no groups of words", where=str(path), hint=FORM)
    for number, group in enumerate(groups, start=1):
        if len({word.casefold() for word in group}) < 2:
            raise UserError("fewer than two words", where=f"{path}: group {number}", hint=FORM)
        for word in group:
            if kept := protected(word):
                raise UserError(
                    f"{word!r} has {kept[0]!r}, a number or a negation, which is never replaced",
                    where=f"{path}: group {number}",
                    hint="Leave this word out.",
                )
    return Glossary(groups)


def _from_toml(path: Path) -> list[list[str]]:
    groups: Any = read_toml(path).get("groups", [])
    if not isinstance(groups, list) or not all(_is_words(group) for group in groups):
        raise UserError("groups are no lists of words", where=str(path), hint=FORM)
    return [[word.strip() for word in group] for group in groups]


def _from_csv(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[word.strip() for word in row if word.strip()] for row in csv.reader(file)]
    except (UnicodeDecodeError, csv.Error):
        raise UserError("not a CSV file in UTF-8", where=str(path), hint=FORM) from None
    return [row for row in rows if row]


def _is_words(group: Any) -> bool:
    return isinstance(group, list) and all(isinstance(w, str) and w.strip() for w in group)


def _whole(word: str) -> str:
    """Chinese words stand beside others without a space; those in letters do not."""
    if CHINESE.search(word):
        return re.escape(word)
    return rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])"
