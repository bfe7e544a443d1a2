"""The names of labels, where they are words, as one more text of each label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeVar, runtime_checkable

Record = TypeVar("Record")
Choice = bool | Literal["auto"]

# Beside more texts of a label, one more was not shown to help.
FEW_TEXTS = 10
# Between the words of a name: `card_arrival`, `card-arrival`, `cardArrival`, `Sales/Returns`.
SEAM = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
LETTERS = re.compile(r"[^\W\d_]")
CHINESE = re.compile(r"[一-鿿]")
VOWEL = re.compile(r"[aeiouy]|[^\W\d_a-z]", re.IGNORECASE)
# "T-Mobile" says something, "C3" and "ATM" say nothing.
FEWEST_LETTERS = 4
# Names where there are none, and of what has nothing in common: "class b", "甲类", "other".
PLACEHOLDER = re.compile(
    r"(label|class|category|cat|type|group|topic|intent|tag|cluster|faq)s?( [a-z]| [ivx]+)?"
    r"|others?|misc|miscellaneous|none|null|unknown|unlabell?ed|其他|其它|未知|未分类"
    r"|(标签|标记|类别|分类|类型|类|组|主题|意图)[a-z甲乙丙丁戊己庚辛一二三四五六七八九十]{0,2}"
    r"|[a-z甲乙丙丁戊己庚辛一二三四五六七八九十]{1,2}(类|组)",
    re.IGNORECASE,
)


@runtime_checkable
class NamesLabels(Protocol[Record]):
    """A task whose labels have names that may be words."""

    def named(self) -> Mapping[str, Record]:
        """Label → the words of its name, as a record of it; without names that are no words."""

    def labels_of(self, record: Record) -> Sequence[str]:
        """The labels of a record, of those that `named` speaks of."""


def spoken(name: str) -> str | None:
    """The words of a label's name; None where it is a code and says nothing."""
    words = " ".join(part for part in SEAM.split(name) if part)
    letters = len(LETTERS.findall(words)) + len(CHINESE.findall(words))
    if letters < FEWEST_LETTERS or any(character.isdigit() for character in words):
        return None
    if PLACEHOLDER.fullmatch(words) or not VOWEL.search(words):
        return None
    return words if words.isupper() else words.lower()


def named_records(task: object, learned: Sequence[Record], choice: Choice) -> list[Record]:
    """What `task` is taught by the names of its labels alone.

    Args:
        learned: the training records.
        choice: `auto`: of labels that have one to `FEW_TEXTS` of them.
    """
    if not choice or not isinstance(task, NamesLabels):
        return []
    named: Mapping[str, Record] = task.named()
    if choice != "auto":
        return [*named.values()]
    count = Counter(label for record in learned for label in task.labels_of(record))
    return [record for label, record in named.items() if 0 < count[label] <= FEW_TEXTS]


def told(count: int, choice: Choice) -> str:
    """A sentence for the terminal, where `count` names are learned."""
    names = "The name of 1 label is" if count == 1 else f"The names of {count:,} labels are"
    few = "" if choice != "auto" else f", which have {FEW_TEXTS} texts or fewer"
    return f"{names} learned as texts, too{few}"
