"""A rule about answers, as a business writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from apps.customer_service.schema import Priority
from common.records.fields import Text
from common.rules.conditions import When
from common.rules.rule import Action, Rule, RulesFile


class AnswerWhen(When):
    """A condition on a message."""

    intent: Text | None = Field(None, description="The intent that the model finds.")


class AnswerRule(Rule):
    """Forces or forbids an FAQ or an intent, shows an intent under another name, or hands over."""

    TAKES: ClassVar[Mapping[Action, Sequence[str]]] = {
        "force": ("faq_id", "intent"),
        "forbid": ("faq_id", "intent"),
        "rename": ("label",),
        "route": ("to",),
    }
    MAY_TAKE: ClassVar[Mapping[Action, Sequence[str]]] = {
        "rename": ("to",),
        "route": ("priority",),
    }

    when: AnswerWhen | None = None
    faq_id: Text | None = None
    intent: Text | None = None
    priority: Priority | None = Field(None, description="Of a handover; default: normal.")


class AnswerRules(RulesFile[AnswerRule]):
    """The rules of a file."""
