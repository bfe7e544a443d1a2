"""What golden texts can be grouped by, each label of each text by itself."""

from __future__ import annotations

from apps.finance_monitor.data import Example
from common.learning.candidates.groups import Grouping, called
from common.records.text import language_of


def _label(example: Example) -> tuple[str, ...]:
    return ("target" if example.target else "sentiment" if example.sentiment else "topics",)


GROUPING: Grouping[Example] = Grouping(
    {
        "label": _label,
        "language": lambda one: (f"language {language_of(one.text)}",),
        "source": lambda one: called("source", one.source),
        "sentiment": lambda one: called("sentiment", one.target or one.sentiment),
        "topic": lambda one: tuple(f"topic {name}" for name in one.topics or ()),
        "segment": lambda one: called("segment", one.segment),
    },
    usual=("label", "language", "source"),
)
