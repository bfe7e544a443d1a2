"""Names, places, amounts: what a label must not depend on, read otherwise (counterfactual texts).

Kaushik, Hovy & Lipton 2020, arXiv 1909.12434, have people write texts that differ in one thing;
here the thing is one of a list that a business gives (Garg et al. 2019, arXiv 1809.10610).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import check_readable, read_toml
from common.records.text import CHINESE
from common.rules.places import line_of

FORM = (
    'A TOML file holds [lists], each of words that stand for each other: city = ["Bonn", "Lagos"]'
)


class Swaps:
    """Lists of words of one kind; which of a list stands in a text must not matter."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = [list(dict.fromkeys(members)) for members in lists.values()]
        self._list_of = {
            member.casefold(): number
            for number, members in enumerate(self._lists)
            for member in members
        }
        # The longest first: of `Halcyon Energy` and `Halcyon` it is the former that is there.
        words = sorted(self._list_of, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole, words)), re.IGNORECASE)

    def replace(self, text: str, draw: random.Random) -> str:
        """The text with each of its words replaced by another of the list, everywhere the same."""
        found = dict.fromkeys(match.group().casefold() for match in self._pattern.finditer(text))
        others: dict[str, str] = {}
        for word in found:
            members = self._lists[self._list_of[word]]
            # In the language of the word, and no second name for one that is there already.
            possible = [
                one
                for one in members
                if bool(CHINESE.search(one)) == bool(CHINESE.search(word))
                and one.casefold() not in found
                and one not in others.values()
            ]
            if possible:
                others[word] = draw.choice(possible)
        return self._pattern.sub(
            lambda match: others.get(match.group().casefold(), match.group()), text
        )


def read_swaps(path: Path) -> Swaps:
    """The lists of a TOML file, which may be one of expectations.

    Raises:
        UserError: the file is missing or broken, has no lists, or one of fewer than two words; a
            word stands in two lists.
    """
    check_readable(path)
    lists: Any = read_toml(path).get("lists")
    if not isinstance(lists, dict) or not lists:
        raise UserError("no lists of words", where=str(path), hint=FORM)
    seen: dict[str, str] = {}
    for name, members in lists.items():
        where = line_of(path, "lists", name)
        if not isinstance(members, list) or not all(isinstance(m, str) and m for m in members):
            raise UserError(f"list {name!r} is no list of words", where=where, hint=FORM)
        if len({member.casefold() for member in members}) < 2:
            raise UserError(f"list {name!r} has fewer than two words", where=where, hint=FORM)
        for member in members:
            if seen.setdefault(member.casefold(), name) != name:
                raise UserError(
                    f"{member!r} stands in two lists, {seen[member.casefold()]!r} and {name!r}",
                    where=where,
                )
    return Swaps(lists)


def _whole(word: str) -> str:
    """Chinese words stand beside others without a space; those in letters do not."""
    if CHINESE.search(word):
        return re.escape(word)
    return rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
