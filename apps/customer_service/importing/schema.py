"""What is read of a source, and what is made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from apps.customer_service.schema import Faq


class Kind(StrEnum):
    """What a source holds."""

    pages = "pages"
    faqs = "faqs"
    dialogues = "dialogues"


@dataclass(frozen=True)
class Source:
    """A file, what it holds and in which form; `url` is where a page was saved from."""

    path: Path
    kind: Kind
    form: str
    url: str | None = None


@dataclass(frozen=True)
class Rejected:
    """What was read and not taken: where it stands, what it says, why."""

    place: str
    reason: str
    text: str = ""
    dialogue_id: str | None = None


@dataclass(frozen=True)
class Block:
    """A heading or a stretch of text, in the order of a page.

    Attributes:
        level: of a heading, 1 to 6, and 7 of what folds out; 0 of text. A heading without text
            closes what its level opened.
        page: of a PDF, from 1: where it begins.
    """

    text: str
    level: int = 0
    page: int | None = None


@dataclass(frozen=True)
class Page:
    """A document of a help centre; `pairs` are questions and answers that it names as such."""

    title: str
    blocks: list[Block]
    place: str
    url: str | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)


Speaker = Literal["customer", "agent", "other"]


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said; `time` in seconds since 1970, `agent` who of them said it."""

    speaker: Speaker
    text: str
    time: float | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation, in the order of its turns.

    Attributes:
        customer: who asked, as the source names them.
        customer_name: to be masked.
        is_resolved: None where the source does not say.
        is_praised: what the customer's rating says; None where there is none.
    """

    id: str
    turns: list[Turn]
    place: str
    customer: str | None = None
    customer_name: str | None = None
    is_resolved: bool | None = None
    is_praised: bool | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A customer's request and the reply to it, masked, with what speaks for the reply."""

    request: str
    reply: str
    dialogue_id: str
    place: str
    time: float | None = None
    agent: str | None = None
    customer: str | None = None
    is_resolved: bool | None = None
    is_praised: bool | None = None
    is_thanked: bool = False
    is_doubted: bool = False
    is_suspicious: bool = False


@dataclass(frozen=True)
class Pair:
    """A mined question and answer, with the evidence for it.

    Attributes:
        wordings: further ways in which customers asked, the most frequent first.
        agents: who answered so or otherwise.
        score: 0 to 1, of the answer.
        agreeing: dialogues in which the answer was given.
        thanked, doubted, asked_again: of these, those in which the customer thanked, doubted it,
            or came back with it.
    """

    question: str
    answer: str
    wordings: list[str]
    dialogue_ids: list[str]
    agents: list[str]
    score: float
    agreeing: int
    thanked: int
    doubted: int
    asked_again: int
    flags: list[str]
    other_answers: list[str]

    def to_json(self) -> dict[str, Any]:
        """As it stands in `pairs.jsonl`."""
        return {"dialogues": len(self.dialogue_ids), **self.__dict__}


@dataclass
class Imported:
    """All that an import found, before it is written.

    Attributes:
        questions: further wordings, rows of what `train --questions` reads.
        read: how many pages, FAQs of tables and dialogues there were.
    """

    faqs: list[Faq] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    questions: list[dict[str, str]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
