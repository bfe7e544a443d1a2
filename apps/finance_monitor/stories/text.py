"""The spelling of a story that is encoded, compared and searched for names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from common.records.text import normalise

# The model reads no further anyway.
LONGEST_TEXT = 2000
# Chinese may follow an address without a space.
ADDRESS = re.compile(r"https?://[!-~]+")
# That there is a link says what kind of post it is; where it leads is noise.
LINK = "http"
# A ticker as people on stock forums write it; an amount of money looks alike, but is none's name.
CASHTAG = re.compile(r"\$([A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)")


def prepare(text: str) -> str:
    """One spelling for what reads the same, no longer than the model reads, links as one word."""
    return normalise(ADDRESS.sub(LINK, text[:LONGEST_TEXT]))


def spell_tickers(text: str, tickers: Mapping[str, str]) -> str:
    """`$ABC` as the company's name, where `tickers` has it: a model knows no ticker, but names."""
    if not tickers or "$" not in text:
        return text
    return CASHTAG.sub(lambda found: tickers.get(found[1].upper(), found[0]), text)
