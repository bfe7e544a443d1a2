"""What comes in and goes out: an example, a question, its answer, a correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common.learning.schema import new_id
from common.records.fields import Text
from common.records.personal import prepare

LONGEST = 10_000
MOST_PASSAGES = 50


class Question(BaseModel):
    """Body of `POST /v1/answers`: a question, and how many passages are wanted."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(max_length=LONGEST)
    top_k: int = Field(3, ge=1, le=MOST_PASSAGES)

    @property
    def cost(self) -> int:
        """About how many tokens the model reads."""
        return len(self.text) + 2


class Found(BaseModel):
    """One passage; `score` is the cosine."""

    passage: str
    score: float


class Answer(BaseModel):
    """The nearest passages, the first one first."""

    id: str = Field(default_factory=new_id)
    release_id: str
    passages: list[Found]

    @property
    def given(self) -> dict[str, Any]:
        """What is kept of it, for whoever looks at corrections."""
        return self.passages[0].model_dump()


class Correction(BaseModel):
    """Body of `POST /v1/feedback`: the passage that does answer, a known one or a new one."""

    model_config = ConfigDict(extra="forbid")

    answer_id: Text
    passage: Text = Field(max_length=LONGEST)

    def wanted(self, given: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        """What is learned of it, beside the text; `given` is the answer's."""
        # Whoever is trusted writes for everybody, with the business's own numbers in it.
        return {"passage": self.passage if trusted else prepare(self.passage)}


class Example(BaseModel):
    """A question and a passage that answers it: what is learned from, and a row of your table."""

    model_config = ConfigDict(frozen=True)

    text: Text
    passage: Text

    @property
    def stratum(self) -> str:
        """What each part of a split has its share of: nothing in particular."""
        return ""

    @property
    def question(self) -> Question:
        """What is asked to see whether it is known."""
        return Question(text=self.text[:LONGEST])

    @property
    def said(self) -> dict[str, Any]:
        """What a correction of a wrong answer would say of it."""
        return {"passage": self.passage}

    def is_right(self, answer: Answer) -> bool:
        """Whether the first passage of `answer` is the one."""
        return answer.passages[0].passage == self.passage


Row = Example


def examples_of(rows: Sequence[Row]) -> list[Example]:
    """The examples that the rows of a table make."""
    return list(rows)


def audited(row: Row) -> tuple[str, str | None]:
    """What of a row is looked through for duplicates; a question may have several passages."""
    return row.text, None


def learned(text: str, wanted: dict[str, Any]) -> Example:
    """The example that a correction makes."""
    return Example(text=text, passage=wanted["passage"])
