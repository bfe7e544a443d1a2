"""A rule about stories, as a business writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from apps.finance_monitor.schema import SENTIMENTS, Labelled
from common.records.fields import Text
from common.rules.reading import Known
from common.rules.rule import Action, Rule, RulesFile


class StoryRule(Rule):
    """Forces or forbids a sentiment or a topic, shows one under another name, or names a queue."""

    TAKES: ClassVar[Mapping[Action, Sequence[str]]] = {
        "force": ("sentiment", "topic"),
        "forbid": ("sentiment", "topic"),
        "rename": ("label",),
        "route": ("to",),
    }
    MAY_TAKE: ClassVar[Mapping[Action, Sequence[str]]] = {"rename": ("to",)}

    sentiment: Labelled | None = None
    topic: Text | None = None


class StoryRules(RulesFile[StoryRule]):
    """The rules of a file."""


def known_names(topics: Sequence[str] | None) -> Known:
    """The names that rules may use, by the topics of a release; None: there is no release."""
    return {} if topics is None else {"topic": topics, "label": [*SENTIMENTS, *topics]}
