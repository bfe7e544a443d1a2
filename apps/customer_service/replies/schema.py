"""Replies that somebody approved, and what each was written from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from apps.customer_service.generation.prompt import conversation
from common.models.generator import Message
from common.records.fields import Text

# Sources by their ids: the title and the text of each.
Known = Mapping[str, tuple[str, str]]
# What no id holds: a source without any of these is taken for the name of an FAQ.
OF_TEXTS = re.compile(r"[\s。！？，；]")


class Reply(BaseModel):
    """One row of `--replies`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    question: Text
    sources: list[Text] = Field(
        min_length=1,
        description="What it was written from, in its order: ids of FAQs or passages, or texts; "
        "in one cell they are separated by |.",
    )
    reply: Text
    language: str | None = Field(None, description="Left out: it is detected from the reply.")

    @field_validator("sources")
    @classmethod
    def _are_known(cls, values: list[str], info: ValidationInfo) -> list[str]:
        known = (info.context or {}).get("sources", {})
        for value in values:
            if value not in known and not OF_TEXTS.search(value):
                raise ValueError(f"the release has no FAQ or passage {value!r}")
        return values


@dataclass(frozen=True)
class Exchange:
    """A question, its sources as a generator reads them, and the reply to learn.

    Attributes:
        sources: the title and the text of each.
    """

    question: str
    sources: tuple[tuple[str, str], ...]
    reply: str
    language: str

    @property
    def prompt(self) -> list[Message]:
        """What the generator is asked, as `serve` asks it."""
        return conversation(self.question, self.sources, self.language)

    @property
    def lesson(self) -> list[Message]:
        """The same, and the reply as the last turn: that alone is learned."""
        return [*self.prompt, {"role": "assistant", "content": self.reply}]


def source_of(name: str, known: Known) -> tuple[str, str]:
    """Title and text of a source; of a text, its first line is the title if there are more."""
    if name in known:
        return known[name]
    title, _, rest = name.partition("\n")
    return (title.strip(), rest.strip()) if rest.strip() else ("", title.strip())
