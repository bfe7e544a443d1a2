"""A composed reply as it is sent: its sentences, each with its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from common.records.text import CHINESE


class SentenceSource(BaseModel):
    """An FAQ, or a passage of a document."""

    kind: Literal["faq", "passage"]
    id: str
    title: str = Field(description="The FAQ's question, or the passage's path of headings.")
    document: str | None = Field(None, description="The file, within the folder of documents.")
    page: int | None = None
    url: str | None = None


class Sentence(BaseModel):
    """One sentence of a composed reply."""

    text: str
    source: SentenceSource


def joined(sentences: Sequence[Sentence]) -> str:
    """The reply in one paragraph."""
    text = ""
    for one in sentences:
        text += seam(text) + one.text
    return text


def seam(before: str) -> str:
    """What stands before the next sentence: nothing after Chinese, else a space."""
    return "" if not before or CHINESE.search(before[-2:]) or before[-1] in "。！？；" else " "
