"""What comes in and goes out: an example, a question, its answer, a correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.console import say
from common.learning.schema import new_id
from common.records.fields import Text
from common.records.personal import prepare

LONGEST = 10_000
MOST_CANDIDATES = 100
Candidate = Annotated[Text, Field(max_length=LONGEST)]


class Question(BaseModel):
    """Body of `POST /v1/answers`: a text, and the candidates to be put in order for it."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(max_length=LONGEST)
    candidates: list[Candidate] = Field(min_length=1, max_length=MOST_CANDIDATES)

    @property
    def cost(self) -> int:
        """About how many tokens the model reads."""
        return sum(len(text) + 2 for text in (self.text, *self.candidates))


class Ranked(BaseModel):
    """One candidate; the higher its score, the earlier."""

    candidate: str
    score: float


class Answer(BaseModel):
    """The candidates, the best one first."""

    id: str = Field(default_factory=new_id)
    release_id: str
    ranking: list[Ranked]

    @property
    def given(self) -> dict[str, Any]:
        """What is kept of it, for whoever looks at corrections, and to learn from them."""
        return {"candidates": [prepare(one.candidate) for one in self.ranking]}


class Correction(BaseModel):
    """Body of `POST /v1/feedback`: the candidate that should have been first."""

    model_config = ConfigDict(extra="forbid")

    answer_id: Text
    candidate: Candidate

    def wanted(self, given: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        """What is learned of it, beside the text; `given` is the answer's."""
        best = prepare(self.candidate)
        return {"candidate": best, "others": [one for one in given["candidates"] if one != best]}


class Row(BaseModel):
    """A row of your table; a relevance of 0 is none."""

    text: Text
    candidate: Text
    relevance: float = Field(ge=0)


class Example(BaseModel):
    """A text and all its candidates, with their relevance."""

    model_config = ConfigDict(frozen=True)

    text: Text
    candidates: tuple[str, ...]
    relevances: tuple[float, ...]

    @property
    def stratum(self) -> str:
        """What each part of a split has its share of: nothing in particular."""
        return ""

    @property
    def question(self) -> Question:
        """What is asked to see whether it is known."""
        candidates = [one[:LONGEST] for one in self.candidates[:MOST_CANDIDATES]]
        return Question(text=self.text[:LONGEST], candidates=candidates)

    @property
    def said(self) -> dict[str, Any]:
        """What a correction of a wrong answer would say of it."""
        return {"candidate": self.candidates[self.relevances.index(max(self.relevances))]}

    def is_right(self, answer: Answer) -> bool:
        """Whether the first of `answer` is one of the most relevant."""
        first = [one[:LONGEST] for one in self.candidates].index(answer.ranking[0].candidate)
        return self.relevances[first] == max(self.relevances)


def examples_of(rows: Sequence[Row]) -> list[Example]:
    """The rows of each text together; a text whose candidates are all alike teaches nothing."""
    lists: dict[str, dict[str, float]] = {}
    for row in rows:
        lists.setdefault(row.text, {})[row.candidate] = row.relevance
    found = [
        Example(text=text, candidates=tuple(ranked), relevances=tuple(ranked.values()))
        for text, ranked in lists.items()
        if len(set(ranked.values())) > 1
    ]
    if alike := len(lists) - len(found):
        say(f"{alike} texts have candidates of one relevance alone: left out")
    return found


def audited(row: Row) -> tuple[str, str | None]:
    """What of a row is looked through for duplicates."""
    return f"{row.text} {row.candidate}", None


def learned(text: str, wanted: dict[str, Any]) -> Example:
    """The example that a correction makes."""
    others = tuple(wanted.get("others", ()))
    return Example(
        text=text,
        candidates=(wanted["candidate"], *others),
        relevances=(1.0, *(0.0 for _ in others)),
    )
