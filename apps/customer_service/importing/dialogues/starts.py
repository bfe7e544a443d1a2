"""Where a line of a transcript may begin a turn: a label, a time before or behind it, a colon."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

DAY = (
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[./]\d{1,2}[./]\d{4}"
    r"|\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)"
)
CLOCK = r"(?:[上下]午|凌晨|早上|中午|晚上)?\s?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?"
DATED, TIMED = re.compile(DAY), re.compile(CLOCK)
STAMP = rf"(?:{DAY})?[\sT,]*(?:{CLOCK})|(?:{DAY})"
# Before the label or after it stands when; where a line ends there, the text is on the next one.
TURN = re.compile(
    rf"\s*(?:[\[(（【]?(?P<before>{STAMP})[\])）】]?[\s\-–—|,]*)?(?P<label>[^:：]{{1,40}}?)"
    rf"\s*(?:[\[(（【]?(?P<after>{STAMP})[\])）】]?)?\s*(?P<colon>[:：])?(?(colon)\s*(?P<text>.*)|$)"
)
# Marks of writing direction, and spaces that do not break, as WhatsApp writes them.
INVISIBLE = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\ufeff")) | dict.fromkeys(
    map(ord, "\u202f\xa0"), " "
)


class Form(NamedTuple):
    """What stands around a label: those of one file are alike.

    Attributes:
        stamp: where the time stands: before, after, or nowhere.
    """

    stamp: str
    day: bool
    clock: bool
    colon: bool


@dataclass(frozen=True)
class Start:
    """A line that may begin a turn; `stamp` is empty where it has no time."""

    label: str
    stamp: str
    text: str
    form: Form


def start_of(line: str) -> Start | None:
    """What a line begins with, if that may be who speaks."""
    found = TURN.fullmatch(line)
    if found is None or not (found["colon"] or found["before"] or found["after"]):
        return None
    stamp = (found["before"] or found["after"] or "").strip()
    where = "before" if found["before"] else "after" if found["after"] else ""
    has_day = has_clock = False
    if stamp:
        has_day, has_clock = bool(DATED.match(stamp)), bool(TIMED.search(stamp))
    form = Form(where, has_day, has_clock, bool(found["colon"]))
    return Start(found["label"].strip(), stamp, (found["text"] or "").strip(), form)


def lines_of(text: str) -> list[str]:
    """The lines of a transcript, without what is not seen."""
    return text.translate(INVISIBLE).splitlines()
