"""Labels in words: what each is called, and the sentence that the words stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.errors import UserError, reason_of
from common.files import read_toml
from common.records.fields import Text
from common.records.text import language_of

GAP = "{}"


@dataclass(frozen=True)
class Labelled:
    """A prepared text, and its labels by the question that they answer."""

    text: str
    labels: Mapping[str, tuple[str, ...]]


class Question(BaseModel):
    """What is asked of a text, and the labels that answer it.

    Attributes:
        ask: the question as a causal model gets it.
        templates: language (`en`, `zh`, `other`) → a sentence with a gap `{}`, for an encoder.
        labels: name → words or descriptions; the first one is what a causal model says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ask: Text
    templates: dict[str, Text] = {}
    labels: Annotated[dict[str, list[Text]], Field(min_length=2)]

    @field_validator("templates")
    @classmethod
    def _has_gap(cls, templates: dict[str, str]) -> dict[str, str]:
        for template in templates.values():
            if GAP not in template:
                raise ValueError(f"no gap {GAP} in {template!r}")
        return templates

    @field_validator("labels")
    @classmethod
    def _has_words(cls, labels: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, words in labels.items():
            if not words:
                raise ValueError(f"{name} has no words")
        return labels

    @property
    def names(self) -> list[str]:
        """Labels in the order of all figures."""
        return list(self.labels)

    def sentences(self, name: str) -> list[str]:
        """The template of its language, filled with each word of a label; else the word alone."""
        return [
            self.templates.get(language_of(word), GAP).replace(GAP, word)
            for word in self.labels[name]
        ]


def read_questions(path: Path) -> dict[str, Question]:
    """Read a TOML file of one table a question.

    Raises:
        UserError: missing, not TOML, or a question that lacks or mistakes something.
    """
    questions: dict[str, Any] = read_toml(path)
    if not questions:
        raise UserError("no question", where=str(path), hint="Write a table like [sentiment].")
    found = {}
    for name, table in questions.items():
        try:
            found[name] = Question.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join([name, *map(str, first["loc"])])
            raise UserError(f"{where}: {reason_of(first)}", where=str(path)) from None
    return found
