"""The spelling of a story that is encoded, compared and searched for names."""

from __future__ import annotations

from common.records.text import normalise

# The model reads no further anyway.
LONGEST_TEXT = 2000


def prepare(text: str) -> str:
    """One spelling for what reads the same, no longer than the model reads."""
    return normalise(text[:LONGEST_TEXT])
