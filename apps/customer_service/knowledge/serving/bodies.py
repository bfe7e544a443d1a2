"""What goes in and out of the knowledge's routes."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from apps.customer_service.knowledge.contradiction import FaqContradiction
from apps.customer_service.knowledge.schema import (
    LONGEST_ID,
    Edited,
    Entry,
    Kind,
    Standing,
    State,
    Version,
)
from apps.customer_service.knowledge.serving.preview import Gain
from apps.customer_service.schema import LONGEST_ANSWER, LONGEST_QUESTION, Faq
from common.errors import UserError, reason_of
from common.records.fields import Text

MOST_WORDINGS = 200
MOST_TOGETHER = 500


def _in_one_line(text: str) -> str:
    # Nor half a surrogate pair, which no database takes.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("a control character")
    return text


Line = Annotated[str, AfterValidator(_in_one_line)]
Id = Annotated[Line, Field(min_length=1, max_length=LONGEST_ID)]
Seen = Annotated[int, Field(ge=0, le=2**31 - 1, description="The `version` that was seen last.")]
Wording = Annotated[Text, Field(max_length=LONGEST_QUESTION)]
Written = Annotated[Line, Field(min_length=1, max_length=40, description="A date, or ISO 8601.")]
DespiteFacts = Annotated[
    bool, Field(description="Serve it even if it contradicts the facts of --graph.")
]
Author = Annotated[
    Line | None,
    Field(max_length=100, description="Who does it; with keys, the key's name is taken."),
]


class FaqBody(BaseModel):
    """An FAQ as it is written, without its id."""

    model_config = ConfigDict(extra="forbid")

    question: Wording
    answer: Annotated[Text, Field(max_length=LONGEST_ANSWER)]
    similar_questions: Annotated[list[Wording], Field(max_length=MOST_WORDINGS)] = []
    intent: Line | None = Field(None, max_length=200)
    language: Line | None = Field(None, max_length=20)
    tags: Annotated[list[Line], Field(max_length=50)] = []
    url: Line | None = Field(None, max_length=2000)
    translation_of: Id | None = None
    valid_from: Written | None = None
    valid_until: Written | None = None

    def to_faq(self, faq_id: str | None) -> Faq:
        """The FAQ of an id; None: it is made of the question.

        Raises:
            UserError: a date is none.
        """
        values = self.model_dump(exclude_none=True)
        try:
            return Faq.model_validate(values | ({"id": faq_id} if faq_id else {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "dates"
            raise UserError(f"{where}: {reason_of(first)}") from None


class NewFaq(FaqBody):
    """Body of `POST /v1/faqs`."""

    id: Id | None = None
    draft: bool = False
    despite_facts: DespiteFacts = False
    author: Author = None


class ChangedFaq(FaqBody):
    """Body of `PUT /v1/faqs/{id}`."""

    version: Seen
    draft: bool = False
    despite_facts: DespiteFacts = False
    author: Author = None


class Decisions(BaseModel):
    """Body of `POST /v1/faqs/decisions`: drafts by id, each with the version that was seen."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["publish", "reject"]
    faqs: Annotated[dict[Line, Seen], Field(min_length=1, max_length=MOST_TOGETHER)]
    despite_facts: DespiteFacts = False
    author: Author = None


class Undo(BaseModel):
    """Body of `POST /v1/faqs/undo`."""

    model_config = ConfigDict(extra="forbid")

    change: Annotated[int, Field(ge=1, le=2**31 - 1)]
    faq_id: Id | None = Field(None, description="Of one FAQ alone; left out: of all.")
    author: Author = None


class Proposal(BaseModel):
    """Body of `POST /v1/faqs/preview`: what is thought of, all at once."""

    model_config = ConfigDict(extra="forbid")

    add: Annotated[list[FaqBody], Field(max_length=MOST_TOGETHER)] = []
    change: Annotated[dict[Line, FaqBody], Field(max_length=MOST_TOGETHER)] = {}
    remove: Annotated[list[Id], Field(max_length=MOST_TOGETHER)] = []
    publish: Annotated[list[Id], Field(max_length=MOST_TOGETHER)] = []


class FaqRow(BaseModel):
    """How an FAQ stands.

    Attributes:
        version: to be sent along with the next change of it.
        was: what was served or proposed last, of one that is removed.
        gain: what training would still gain.
    """

    id: str
    version: int
    state: State
    live: Entry | None
    draft: Entry | None
    was: Entry | None = None
    author: str | None = None
    at: float | None = None
    kind: Kind | None = None
    gain: Gain | None = None

    @classmethod
    def of(cls, faq_id: str, one: Edited, now: datetime, gain: Gain | None) -> FaqRow:
        """A row of the list."""
        last = one.last
        return cls(
            id=faq_id,
            version=one.version,
            state=one.state(now),
            live=one.standing.live,
            draft=one.standing.draft,
            was=one.was,
            author=last and last.author,
            at=last and last.at,
            kind=last and last.kind,
            gain=gain,
        )

    @property
    def shown(self) -> Entry | None:
        """What it is about."""
        return self.draft or self.live or self.was


class Watched(BaseModel):
    """The file that is the truth, and why it is not served as it is."""

    name: str
    trouble: str | None


class FaqRows(BaseModel):
    """Some of the FAQs that fit; `counts` are of all, by state."""

    rows: list[FaqRow]
    found: int
    counts: dict[str, int]
    newest: int = Field(description="Number of the last change.")
    watched: Watched | None = None


class Saved(BaseModel):
    """A change that was made, and how its FAQs stand now."""

    change: int
    rows: list[FaqRow]


class Change(BaseModel):
    """What one change did to one FAQ.

    Attributes:
        together: how many FAQs the change was about.
    """

    change: int
    faq_id: str
    at: float = Field(description="Seconds since 1970, UTC.")
    author: str
    kind: Kind
    before: Standing | None
    after: Standing
    together: int

    @classmethod
    def of(cls, version: Version, together: int) -> Change:
        """A row of the history."""
        values: dict[str, Any] = version.model_dump(exclude={"live", "draft", "before"})
        return cls(**values, before=version.before, after=version.standing, together=together)


class History(BaseModel):
    """Changes, the latest first."""

    changes: list[Change]


class ChangedAnswer(BaseModel):
    """A golden question whose first answer would change, with the FAQs' questions to read."""

    question: str
    before: str | None
    after: str | None
    wanted: str | None
    turns: Literal["right", "wrong", "other"]


class WhatWouldChange(BaseModel):
    """Of so many golden questions, those whose first answer would change."""

    asked: int
    as_of: datetime | None = Field(
        None, description="When, where something of it is valid only later."
    )
    right: int
    wrong: int
    changed: list[ChangedAnswer]
    contradictions: list[FaqContradiction] = Field([], description="With the facts of --graph.")
