"""The records this application reads and writes: feed, training, scored."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    model_validator,
)

from common.records.fields import CalendarTime, Label, Text, content_hash
from common.records.text import fold
from common.rules.rule import DecidedBy

Sentiment = Literal["positive", "neutral", "negative"]
Part = Literal["train", "test"]
SENTIMENTS: tuple[Sentiment, ...] = ("positive", "neutral", "negative")
# It says nothing, and PostgreSQL keeps none.
NUL = "\0"
# In bytes: an index of PostgreSQL holds nothing that is much longer.
LONGEST_NAME = 2000

# What releases are compared by, the first one first.
FIGURES = ("sentiment_f1", "topic_f1", "target_accuracy")


# How others name the three.
SENTIMENT_NAMES: dict[str, Sentiment] = {
    **dict.fromkeys(("positive", "pos", "bullish", "正面", "积极", "利好"), "positive"),
    **dict.fromkeys(("neutral", "neu", "中性", "无"), "neutral"),
    **dict.fromkeys(("negative", "neg", "bearish", "负面", "消极", "利空"), "negative"),
}


def _known_name(value: object) -> object:
    return SENTIMENT_NAMES.get(value.strip().lower(), value) if isinstance(value, str) else value


Labelled = Annotated[Sentiment, BeforeValidator(_known_name)]


class Story(BaseModel):
    """What every record holds: a text, or a title with or without a body."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    text: Text | None = None
    title: Text | None = None
    body: str | None = None
    source: Label = None
    language: str | None = Field(None, description="Kept, not used: it is detected from the text.")

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        for name, value in self.__dict__.items():
            if isinstance(value, str) and NUL in value:
                setattr(self, name, value.replace(NUL, ""))
            elif isinstance(value, list) and any(isinstance(v, str) and NUL in v for v in value):
                setattr(self, name, [str(one).replace(NUL, "") for one in value])
        if not (self.text or self.title):
            raise ValueError("neither text nor title")
        return self

    @property
    def content(self) -> str:
        """What the model reads."""
        return self.text or "\n".join(part for part in (self.title, self.body) if part)

    @property
    def headline(self) -> str:
        """What a person is shown: the title, or the first line of the text."""
        return self.title or self.content.splitlines()[0]


def _findable(value: str) -> str:
    size = len(value.encode(errors="surrogatepass"))
    if size > LONGEST_NAME:
        raise ValueError(f"{size} bytes, more than {LONGEST_NAME}")
    return value


Name = Annotated[str, AfterValidator(_findable)]


class FeedRecord(Story):
    """One line of a feed; `published_at` is event time, kept in UTC."""

    published_at: CalendarTime
    id: Annotated[Text, AfterValidator(_findable)] = Field(
        default_factory=lambda known: content_hash(
            known.get("published_at"), *(known.get(name) for name in ("text", "title", "body"))
        ),
        description="Left out: a hash of the time and the text stands in.",
    )
    url: str | None = None
    entities: list[Name] = []


class TrainingTarget(BaseModel):
    """How a text speaks of one company, whatever it says of others."""

    entity: Text
    sentiment: Labelled
    mentions: list[Text] = Field(
        [], description="What the text calls it beside its name: short names, `the lender`, 该行."
    )


class TrainingRecord(Story):
    """A labelled text; a record that lacks one label still trains the others."""

    id: str | None = Field(None, description="Not used yet: to distinguish corrected records.")
    published_at: CalendarTime | None = Field(
        None, description="Not used yet: to split the past in time."
    )
    sentiment: Labelled | None = None
    topics: list[Text] | None = None
    targets: list[TrainingTarget] = []
    segment: Label = Field(None, description="A part of the news, for `learn --by`.")


class PairedText(BaseModel):
    """One text of a pair."""

    text: Text
    sentiment: Labelled


class PairRecord(BaseModel):
    """Two texts that differ in little and have different sentiments."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str | None = Field(None, description="Not used.")
    pattern: Text | None = Field(None, description="What turns the sentiment round.")
    part: Part | None = Field(None, description="Learned, or measured on; none: both, as asked.")
    language: str | None = Field(None, description="Kept, not used: it is detected from the text.")
    texts: list[PairedText]

    @model_validator(mode="after")
    def _are_opposites(self) -> Self:
        if len(self.texts) != 2:
            raise ValueError(f"a pair has two texts, and here are {len(self.texts)}")
        first, second = self.texts
        if fold(first.text) == fold(second.text):
            raise ValueError("both texts of the pair are the same")
        if first.sentiment == second.sentiment:
            raise ValueError(f"both texts are {first.sentiment}: a pair has two sentiments")
        return self


class SentimentScore(BaseModel):
    """The label, or `None` where the model abstains, and each label's probability."""

    label: Sentiment | None = None
    probabilities: dict[Sentiment, FiniteFloat]


class TargetScore(BaseModel):
    """How a text speaks of one company; no sentiment where the model abstains."""

    entity: Text
    sentiment: Labelled | None = None
    probabilities: dict[Sentiment, FiniteFloat] = Field(
        {}, description="Of each label; none in stories that an older version scored."
    )


class TopicScore(BaseModel):
    """A topic and its probability."""

    name: str
    probability: FiniteFloat


class ScoredRecord(FeedRecord):
    """A feed record with what the model saw in it."""

    sentiment: SentimentScore
    topics: list[TopicScore] = []
    targets: list[TargetScore] = []
    duplicate_of: str | None = None
    novelty: FiniteFloat = Field(1.0, description="1: nothing like it in the window; 0: a copy.")
    release_id: str
    decided_by: DecidedBy | None = Field(None, description="The rule that decided, if one did.")
    routed_to: str | None = Field(None, description="The queue that a rule sends it to.")
    shown_as: dict[str, str] | None = Field(
        None, description="Labels that are shown under another name."
    )

    def sentiment_towards(self, company: str) -> SentimentScore:
        """What it says of a company; of the whole text, if that one was not judged by itself.

        Of a target without probabilities, those of the text stand in where its label is the same.
        """
        for target in self.targets:
            if target.entity == company and (
                target.probabilities or target.sentiment != self.sentiment.label
            ):
                return SentimentScore(label=target.sentiment, probabilities=target.probabilities)
        return self.sentiment

    def sentiments_for(self, companies: Collection[str]) -> list[SentimentScore]:
        """What it says of each of these companies that it names; if of none, of the whole text."""
        named = [name for name in self.entities if name in companies]
        return [self.sentiment_towards(name) for name in named] or [self.sentiment]
