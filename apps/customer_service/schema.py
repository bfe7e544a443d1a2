"""The records this application reads, and what it answers with."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from apps.customer_service.generation.schema import Sentence
from apps.customer_service.graph.schema import PathSource
from common.records.fields import Label, Since, Text, Until, content_hash
from common.records.text import normalise
from common.rules.rule import DecidedBy

OUT_OF_SCOPE = "out_of_scope"
# The tag of an FAQ that was mined from dialogues: it is worded by customers.
IMPORTED = "imported"
# A longer question is a document: 413 from the server, cut off by the encoder.
LONGEST_QUESTION = 2000
LONGEST_ANSWER = 4000
CONVERSATION_ID = re.compile(r"[A-Za-z0-9_:@-][A-Za-z0-9._:@-]{0,63}")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
SHORTEST_SENTENCE = 8

# What releases are compared by, the first one first.
FIGURES = ("right_first", "intent_accuracy", "answered", "faithfulness")

Decision = Literal["answer", "clarify", "handoff", "chat"]
Mood = Literal["angry", "distress"]
Priority = Literal["normal", "high", "urgent"]
# What a message is, as far as a conversation goes.
Kind = Literal[
    "question",
    "follow_up",
    "correction",
    "choice",
    "two_in_one",
    "greeting",
    "thanks",
    "goodbye",
    "identity",
    "smalltalk",
    "wants_person",
    "angry",
    "distress",
]


class Faq(BaseModel):
    """One entry of the help centre: a question, other ways to ask it, its answer."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    question: Text
    id: Text = Field(
        default_factory=lambda known: content_hash(known.get("question")),
        description="Left out: a hash of the question stands in.",
    )
    similar_questions: list[Text] = []
    answer: Text
    intent: Label = None
    language: str | None = None
    tags: list[str] = Field([], description="Kept, and shown where drafts are decided.")
    url: str | None = None
    translation_of: Label = Field(
        None, description="The id of the FAQ that says the same in another language."
    )
    valid_from: Since | None = Field(None, description="Not served before; a date: its beginning.")
    valid_until: Until | None = Field(None, description="Not served from then on; a date: its end.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Faq:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("valid_until is not after valid_from")
        return self

    def is_valid(self, at: datetime) -> bool:
        """Whether it is to be served at a time."""
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_until is None or at < self.valid_until)

    @property
    def variants(self) -> list[str]:
        """Every way to ask it, the FAQ's own first."""
        return [self.question, *self.similar_questions]

    @property
    def answer_sentences(self) -> list[str]:
        """What it says, a sentence at a time: people ask in the answer's words, too."""
        sentences = (sentence.strip() for sentence in SENTENCE_END.split(self.answer))
        return [sentence for sentence in sentences if len(sentence) >= SHORTEST_SENTENCE]


class Question(BaseModel):
    """What a customer asked, with the FAQ that answers it or its intent, as far as known.

    The intent `out_of_scope` marks what must not be answered.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    question: Text
    faq_id: Label = None
    intent: Label = None
    language: str | None = Field(None, description="Not used: it is detected from the text.")
    segment: Label = Field(None, description="A part of the customers, for `learn --by`.")


def _is_left(text: str) -> str:
    if not normalise(text[:LONGEST_QUESTION]):
        raise ValueError("nothing but characters that are not seen")
    return text


# A text that somebody sends to be read.
Asked = Annotated[Text, AfterValidator(_is_left)]


class AnswerRequest(BaseModel):
    """Body of `POST /v1/answers`."""

    model_config = ConfigDict(extra="forbid")

    question: Asked
    conversation_id: str | None = Field(
        None,
        max_length=64,
        description="As an earlier answer gave it, or an id of your own: letters, digits and "
        "`. _ : @ -`. What was said before is taken into account. Without it, or with one that is "
        "not known any more, a conversation begins.",
    )
    language: Literal["en", "zh"] | None = None
    top_k: int = Field(3, ge=1, le=20)
    stream: bool = False
    user: str | None = Field(
        None,
        max_length=200,
        description="Who asks, as you name them. Kept as a hash; `feedback purge --subject` goes "
        "by it.",
    )

    @field_validator("conversation_id")
    @classmethod
    def _is_an_id(cls, given: str | None) -> str | None:
        if given is not None and not CONVERSATION_ID.fullmatch(given):
            raise ValueError("an id has 1 to 64 letters, digits and . _ : @ -, no dot first")
        return given


class RankedIntent(BaseModel):
    """An intent and its probability."""

    name: str
    confidence: float


class Intent(RankedIntent):
    """The most probable intent and those after it."""

    alternatives: list[RankedIntent] = []


class Citation(BaseModel):
    """An FAQ that speaks for the answer; `score` is the fused search score, 0 to 1."""

    faq_id: str
    question: str
    url: str | None = None
    score: float


class PassageSource(BaseModel):
    """Where a quote stands: its document, the headings above it, and the page of a PDF."""

    kind: Literal["passage"] = "passage"
    passage_id: str
    document: str = Field(description="The file, within the folder of documents.")
    title: str
    headings: list[str] = Field([], description="The outermost first, without the title.")
    page: int | None = None
    url: str | None = None

    @property
    def place(self) -> str:
        """In a line."""
        number = f", page {self.page}" if self.page else ""
        return f"{self.document}{number}: {' > '.join([self.title, *self.headings])}"


class Quote(BaseModel):
    """Sentences of a passage, word for word; `is_sure` enough to be given as the answer.

    `only_in`: their language, where that is not the question's.
    """

    text: str
    confidence: float
    is_sure: bool
    only_in: str | None = None
    source: PassageSource


class Suggestion(BaseModel):
    """A near candidate, with its answer, so that choosing it needs no second request."""

    faq_id: str
    question: str
    answer: str


class Handoff(BaseModel):
    """Why a person should take over, and how soon: `urgent` before `high` before `normal`."""

    reason: Literal[
        "out_of_scope",
        "not_sure",
        "nothing_found",
        "wants_person",
        "angry",
        "distress",
        "rule",
        "with_person",
    ]
    priority: Priority = "normal"
    queue: str | None = Field(None, description="Where a rule sends it.")


class OpenTicket(BaseModel):
    """What a customer may know of the ticket that their conversation has.

    Attributes:
        with_person: what they write next goes to a person and is not answered here.
        last: number of the last message; `GET /v1/conversations/{id}?after=` tells what comes next.
        message: when somebody will be there, or how long others waited.
        asks_contact: nobody is there, and they may leave where they can be reached.
    """

    id: str
    with_person: bool
    last: int
    message: str | None = None
    asks_contact: bool = False


class Part(BaseModel):
    """One of several questions in a message, with its own answer and its own source."""

    question: str
    decision: Decision
    answer: str | None
    only_in: str | None = Field(
        None, description="The answer's language, where that is not the question's."
    )
    confidence: float
    citations: list[Citation]
    suggestions: list[Suggestion]


class Answer(BaseModel):
    """Reply of `POST /v1/answers`.

    `message` is said before the answer or the handover; `understood_as` is what was searched
    where that is not the message alone; `parts` are there where a message asks several things,
    and `answer` then holds all that are answered.
    """

    id: str
    release_id: str
    conversation_id: str | None = None
    kind: Kind = "question"
    decision: Decision
    message: str | None = None
    answer: str | None
    only_in: str | None = Field(
        None,
        description="The answer's language, or that of a part of it, where it is not the "
        "question's.",
    )
    understood_as: str | None = None
    parts: list[Part] = []
    confidence: float
    intent: Intent | None
    citations: list[Citation]
    source: PassageSource | None = Field(
        None, description="Where the answer is quoted from, if that is no FAQ but a document."
    )
    path: PathSource | None = Field(None, description="The facts that the answer follows from.")
    sentences: list[Sentence] = Field([], description="Of a composed reply, each with its source.")
    composed_by: str | None = Field(
        None, description="`compose`, or the generator; None: the answer is a source's own."
    )
    suggestions: list[Suggestion]
    handoff: Handoff | None
    ticket: OpenTicket | None = Field(None, description="Where a person was asked to take over.")
    decided_by: DecidedBy | None = Field(None, description="The rule that decided, if one did.")
    shown_as: dict[str, str] | None = Field(
        None, description="Intents that are shown under another name."
    )
    timings_ms: dict[str, float]
