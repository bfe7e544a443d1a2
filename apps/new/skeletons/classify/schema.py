"""What comes in and goes out: an example, a question, its answer, a correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common.learning.schema import new_id
from common.records.fields import Text
from common.records.personal import prepare

LONGEST = 10_000


class Question(BaseModel):
    """Body of `POST /v1/answers`: a text whose label is wanted."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(max_length=LONGEST)

    @property
    def cost(self) -> int:
        """About how many tokens the model reads."""
        return len(self.text) + 2


class Answer(BaseModel):
    """The most probable label."""

    id: str = Field(default_factory=new_id)
    release_id: str
    label: str
    probability: float

    @property
    def given(self) -> dict[str, Any]:
        """What is kept of it, for whoever looks at corrections."""
        return {"label": self.label, "probability": self.probability}


class Correction(BaseModel):
    """Body of `POST /v1/feedback`: what is right of an answer."""

    model_config = ConfigDict(extra="forbid")

    answer_id: Text
    label: Text

    def wanted(self, given: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        """What is learned of it, beside the text; `given` is the answer's."""
        return {"label": self.label if trusted else prepare(self.label)}


class Example(BaseModel):
    """A text and its label: what is learned from, and what a row of your table is."""

    model_config = ConfigDict(frozen=True)

    text: Text
    label: Text

    @property
    def stratum(self) -> str:
        """What each part of a split has its share of."""
        return self.label

    @property
    def question(self) -> Question:
        """What is asked to see whether it is known."""
        return Question(text=self.text[:LONGEST])

    @property
    def said(self) -> dict[str, Any]:
        """What a correction of a wrong answer would say of it."""
        return {"label": self.label}

    def is_right(self, answer: Answer) -> bool:
        """Whether `answer` says so."""
        return answer.label == self.label


Row = Example


def examples_of(rows: Sequence[Row]) -> list[Example]:
    """The examples that the rows of a table make."""
    return list(rows)


def audited(row: Row) -> tuple[str, str | None]:
    """What of a row is looked through for duplicates, and the label it must not contradict."""
    return row.text, row.label


def learned(text: str, wanted: dict[str, Any]) -> Example:
    """The example that a correction makes."""
    return Example(text=text, label=wanted["label"])
