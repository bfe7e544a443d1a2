"""Chat transcripts as plain text: a label, a colon, what was said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from apps.customer_service.importing.dialogues.speakers import speaker_of
from apps.customer_service.importing.dialogues.times import seconds
from apps.customer_service.importing.schema import Dialogue, Turn

DAY = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[./]\d{1,2}[./]\d{4}"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?"
STAMP = rf"(?:{DAY})?[\sT,]*(?:{CLOCK})|(?:{DAY})"
# Before the label or after it stands when; where a line ends there, the text is on the next one.
TURN = re.compile(
    rf"\s*(?:[\[(（【]?(?P<before>{STAMP})[\])）】]?[\s\-–—|,]*)?(?P<label>[^:：]{{1,40}}?)"
    rf"\s*(?:[\[(（【]?(?P<after>{STAMP})[\])）】]?)?\s*(?P<colon>[:：])?(?(colon)\s*(?P<text>.*)|$)"
)
DATE = re.compile(rf"[\s\-—=*\[【]*(?P<day>{DAY})[\s\-—=*\]】]*")
LINE = re.compile(r"\s*[-=_*#~—]{3,}\s*")
# Conversation 12, Chat #3:, 会话：A17
HEADING = re.compile(
    r"[\s\-—=*#\[【]*(?:conversation|dialogue|dialog|chat|session|ticket|transcript|会话|对话|工单)"
    r"(?:\s*(?:id|no\.?|编号|号))?\s*[#:：]?\s*(?P<id>[\w-]{1,40})[\s\-—=*\]】:：]*",
    re.IGNORECASE,
)
LINES_LOOKED_AT = 400


def is_transcript(text: str) -> bool:
    """Whether lines of a customer and of an agent stand in it."""
    turns = (_turn(line, None) for line in text.splitlines()[:LINES_LOOKED_AT])
    return {"customer", "agent"} <= {turn.speaker for turn in turns if turn}


def read_transcripts(path: Path, text: str) -> Iterator[Dialogue]:
    """The dialogues of one file, in their order.

    One ends at a heading, a line of dashes or a date on a line of its own; where a file has none of
    these, at a blank line, unless those stand between all turns. Its name is its heading's, else
    the file's and a number.
    """
    lines = text.splitlines()
    at_blank_lines = _blank_lines_separate(lines)
    name = day = None
    start = count = 0
    turns: list[Turn] = []
    for number, line in enumerate([*lines, "---"], start=1):
        if turn := _turn(line, day):
            start = start if turns else number
            turns.append(turn)
            continue
        if line.strip() and not _separates(line):
            if turns:
                turns[-1] = _longer(turns[-1], line.strip())
            continue
        if turns and (line.strip() or at_blank_lines):
            count += 1
            yield Dialogue(name or f"{path.stem}-{count}", turns, f"{path}:{start}")
            name, turns = None, []
        if heading := HEADING.fullmatch(line):
            name = heading["id"]
        elif date := DATE.fullmatch(line):
            day = date["day"]


def _turn(line: str, day: str | None) -> Turn | None:
    """What a line says, if it begins with who speaks."""
    found = TURN.fullmatch(line)
    if found is None or not (found["colon"] or found["before"] or found["after"]):
        return None
    side = speaker_of(found["label"])
    if side is None:
        return None
    stamp = found["before"] or found["after"] or ""
    time = seconds(stamp) if re.match(DAY, stamp.strip()) else day and seconds(f"{day} {stamp}")
    agent = side[1] if side[0] == "agent" else None
    return Turn(side[0], (found["text"] or "").strip(), time or None, agent)


def _longer(turn: Turn, line: str) -> Turn:
    return Turn(turn.speaker, f"{turn.text}\n{line}".strip(), turn.time, turn.agent)


def _separates(line: str) -> bool:
    return any(pattern.fullmatch(line) for pattern in (LINE, HEADING, DATE))


def _blank_lines_separate(lines: Sequence[str]) -> bool:
    if any(line.strip() and _separates(line) for line in lines):
        return False
    turns = after_blank = 0
    for before, line in zip(["", *lines], lines, strict=False):
        if _turn(line, None):
            turns += 1
            after_blank += not before.strip()
    return after_blank < 0.7 * turns
