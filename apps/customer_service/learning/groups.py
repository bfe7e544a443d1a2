"""What golden questions can be grouped by."""

from __future__ import annotations

from apps.customer_service.data import Example
from common.learning.candidates.groups import Grouping, called
from common.records.text import language_of

LANGUAGES = {"en": "English", "zh": "Chinese"}

GROUPING: Grouping[Example] = Grouping(
    {
        "language": lambda one: (LANGUAGES.get(language_of(one.text), "other languages"),),
        "intent": lambda one: called("intent", one.intent),
        "segment": lambda one: called("segment", one.segment),
    },
    usual=("language",),
)
