"""The spelling of a story that is encoded, compared and searched for names."""

from __future__ import annotations

import re

from common.records.text import normalise

# The model reads no further anyway.
LONGEST_TEXT = 2000
# Chinese may follow an address without a space.
ADDRESS = re.compile(r"https?://[!-~]+")
# That there is a link tells what kind of post it is; where it leads is noise.
LINK = "http"


def prepare(text: str) -> str:
    """One spelling for what reads the same, no longer than the model reads, links as one word."""
    return normalise(ADDRESS.sub(LINK, text[:LONGEST_TEXT]))


def mark(text: str, entity: str) -> str:
    """Point the encoder at one company: its first mention in brackets, or its name in front."""
    start = text.casefold().find(entity.casefold())
    if start < 0 or len(text.casefold()) != len(text):
        return f"[{entity}] {text}"
    end = start + len(entity)
    return f"{text[:start]}[{text[start:end]}]{text[end:]}"
