"""The same text as another keyboard or another place would write it."""

from __future__ import annotations

import random
import unicodedata
from functools import cache
from typing import Any

from common.records.text import CHINESE
from common.records.typing_errors import with_typing_errors
from common.tuning.augmentation.protected import protected
from common.tuning.augmentation.words import elsewhere

MOST_ERRORS = 2
# Errors that would touch what must stay are drawn again, so often.
TRIES = 8
# ASCII from `!` to `~` has a full-width form this far up.
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def mistyped(text: str, draw: random.Random) -> str:
    """The text with one or two typing errors, none in what must stay, and none that makes such."""
    count = draw.randint(1, MOST_ERRORS)
    for _ in range(TRIES):
        changed = with_typing_errors(text, count, str(draw.random()))
        if protected(changed) == protected(text):
            return changed
    return text


def in_other_width(text: str, _draw: random.Random) -> str:
    """A Chinese text with its letters and signs full-width, or half-width where they are full."""
    if not CHINESE.search(text):
        return text
    half = elsewhere(text, lambda part: unicodedata.normalize("NFKC", part))
    return half if half != text else elsewhere(text, lambda part: part.translate(FULL_WIDTH))


def in_other_script(text: str, _draw: random.Random) -> str:
    """A Chinese text in traditional characters, or in simplified ones where it is traditional."""
    if not CHINESE.search(text):
        return text
    simplified = elsewhere(text, _converter("t2s").convert)
    return simplified if simplified != text else elsewhere(text, _converter("s2t").convert)


@cache
def _converter(kind: str) -> Any:
    from opencc import OpenCC

    return OpenCC(kind)
