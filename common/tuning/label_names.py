"""The names of labels, where they are words, as one more text of each label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

Record = TypeVar("Record", covariant=True)

# Between the words of a name: `card_arrival`, `card-arrival`, `cardArrival`, `Sales/Returns`.
SEAM = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
LETTERS = re.compile(r"[^\W\d_]")
CHINESE = re.compile(r"[一-鿿]")
# "T-Mobile" says something, "C3" and "cat a" say nothing.
FEWEST_LETTERS = 4


@runtime_checkable
class NamesLabels(Protocol[Record]):
    """A task whose labels have names that may be words."""

    def named(self) -> Sequence[Record]:
        """The words of each name that has some, as a record of its label."""


def spoken(name: str) -> str | None:
    """The words of a label's name; None where it is a code and says nothing."""
    words = " ".join(part for part in SEAM.split(name) if part)
    letters = len(LETTERS.findall(words)) + len(CHINESE.findall(words))
    if letters < FEWEST_LETTERS or any(character.isdigit() for character in words):
        return None
    return words if words.isupper() else words.lower()


def named_records(task: object) -> list[Record]:
    """What `task` can be taught by the names of its labels alone."""
    return list(task.named()) if isinstance(task, NamesLabels) else []
