"""Chat transcripts as plain text: who speaks, a colon or a line's end, what was said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.customer_service.importing.dialogues.exports import Read
from apps.customer_service.importing.dialogues.naming import SELF, Names, names_in
from apps.customer_service.importing.dialogues.speakers import Side, Sides, name_of, speaker_of
from apps.customer_service.importing.dialogues.starts import DAY, Start, lines_of, start_of
from apps.customer_service.importing.dialogues.times import is_day_first, seconds
from apps.customer_service.importing.schema import Dialogue, Rejected, Turn

DATE = re.compile(rf"[\s\-—=*\[【]*(?P<day>{DAY})[\s\-—=*\]】]*")
LINE = re.compile(r"\s*[-=_*#~—]{3,}\s*")
# Conversation 12, Chat #3:, 会话：A17
HEADING = re.compile(
    r"[\s\-—=*#\[【]*(?:conversation|dialogue|dialog|chat|session|ticket|transcript|会话|对话|工单)"
    r"(?:\s*(?:id|no\.?|编号|号))?\s*[#:：]?\s*(?P<id>[\w-]{1,40})[\s\-—=*\]】:：]*",
    re.IGNORECASE,
)
LINES_LOOKED_AT = 400
# After so many seconds a customer comes with something else.
SILENCE = 6 * 3600.0


def is_transcript(text: str, sides: Sides | None = None) -> bool:
    """Whether lines of a customer and of an agent stand in it, or a chat of people by names."""
    starts = [start for line in lines_of(text)[:LINES_LOOKED_AT] if (start := start_of(line))]
    sides = sides or Sides()
    return _is_labelled(starts, sides) or names_in(starts, sides) is not None


def read_transcripts(path: Path, text: str, sides: Sides | None = None) -> Iterator[Read]:
    """The dialogues of one file, in their order.

    One ends at a heading, a line of dashes or a date on a line of its own; where a file has none of
    these, at a blank line, unless those stand between all turns; where people go by their names and
    times stand with them, after `SILENCE` instead. Its name is its heading's, else the file's and a
    number.

    Raises:
        UnknownNamesError: people go by their names, and nobody said who of them answers.
    """
    lines = [*lines_of(text), "---"]
    starts = [start_of(line) for line in lines]
    turn_of = _turns(path, lines, starts, sides or Sides())
    at_blank_lines = not turn_of.is_timed and _blank_lines_separate(lines, starts, turn_of)
    name = day = None
    start = count = 0
    said: list[_Said] = []
    for number, (line, begun) in enumerate(zip(lines, starts, strict=True), start=1):
        turn = turn_of(begun, day)
        is_separate = not turn and turn_of.separates(line)
        is_over = is_separate or (at_blank_lines and not line.strip())
        if said and (is_over or (turn and turn_of.is_timed and _is_silence(said[-1], turn))):
            count += 1
            yield _dialogue(name or f"{path.stem}-{count}", said, f"{path}:{start}")
            name, said = None, []
        if turn:
            start = start if said else number
            said.append(turn)
        elif is_separate:
            heading, date = HEADING.fullmatch(line), DATE.fullmatch(line)
            name = heading["id"] if heading else name
            day = date["day"] if date and not heading else day
        elif said and line.strip() and not turn_of.is_notice(begun):
            said[-1] = said[-1].longer(line.strip())
    if not count:
        yield Rejected(str(path), "nobody speaks: no line begins with who does")


@dataclass(frozen=True)
class _Said:
    """A turn, and the name that a customer goes by."""

    turn: Turn
    name: str | None = None

    def longer(self, line: str) -> _Said:
        """With one more line of text."""
        turn = self.turn
        text = f"{turn.text}\n{line}".strip()
        return _Said(Turn(turn.speaker, text, turn.time, turn.agent), self.name)


class _Turns:
    """Reads what a line says, if who speaks is known by what it begins with."""

    def __init__(
        self, sides: Sides, names: Names | None, of: Mapping[str, Side], day_first: bool | None
    ) -> None:
        self._sides = sides
        self._names = names
        self._of = of
        self._day_first = day_first
        self.is_timed = names is not None and names.form.day

    def __call__(self, start: Start | None, day: str | None) -> _Said | None:
        side = self._side(start) if start else None
        if start is None or side is None:
            return None
        stamp = start.stamp if start.form.day else day and f"{day} {start.stamp}"
        time = seconds(stamp, day_first=self._day_first)
        agent = side[1] if side[0] == "agent" else None
        name = name_of(start.label)
        is_name = self._names is not None and name.lower() not in SELF and not speaker_of(name)
        turn = Turn(side[0], start.text, time or None, agent)
        return _Said(turn, name if is_name and side[0] == "customer" else None)

    def separates(self, line: str) -> bool:
        """Whether a line stands between two dialogues."""
        patterns = (LINE,) if self.is_timed else (LINE, HEADING, DATE)
        return any(pattern.fullmatch(line) for pattern in patterns)

    def is_notice(self, start: Start | None) -> bool:
        """Whether nobody says a line: it is the chat app's."""
        return self._names is not None and start is not None and self._names.is_notice(start)

    def _side(self, start: Start) -> Side | None:
        if self._names is not None:
            return self._of[name_of(start.label)] if self._names.is_turn(start) else None
        # Of other labels, such as "Note:", nobody speaks.
        return self._sides.of(start.label) if _is_side(start.label, self._sides) else None


def _turns(path: Path, lines: Sequence[str], begun: Sequence[Start | None], sides: Sides) -> _Turns:
    starts = [start for start in begun if start]
    names = None if _is_labelled(starts, sides) else names_in(starts, sides)
    of = names.sides(sides, str(path)) if names else {}
    return _Turns(sides, names, of, is_day_first(_days(lines, begun)))


def _days(lines: Sequence[str], starts: Sequence[Start | None]) -> Iterator[str]:
    """The times that have a day, and the days on lines of their own."""
    for line, start in zip(lines, starts, strict=True):
        if start and start.form.day:
            yield start.stamp
        elif date := DATE.fullmatch(line):
            yield date["day"]


def _is_side(label: str, sides: Sides) -> bool:
    return sides.names(label) or speaker_of(label) is not None


def _is_labelled(starts: Sequence[Start], sides: Sides) -> bool:
    """Whether usual words say who asks, and who answers."""
    if any(sides.names(start.label) for start in starts):
        return False
    found = {side[0] for start in starts if (side := speaker_of(start.label))}
    return {"customer", "agent"} <= found


def _is_silence(before: _Said, after: _Said) -> bool:
    begun, time = before.turn.time, after.turn.time
    return bool(begun and time and time - begun > SILENCE)


def _dialogue(name: str, said: Sequence[_Said], place: str) -> Dialogue:
    names = list(dict.fromkeys(one.name for one in said if one.name))
    return Dialogue(
        name,
        [one.turn for one in said if one.turn.text],
        place,
        customer=names[0] if names else None,
        customer_name=" ".join(names) or None,
    )


def _blank_lines_separate(
    lines: Sequence[str], starts: Sequence[Start | None], turn_of: _Turns
) -> bool:
    """Whether dialogues end at blank lines; the last line is the end's."""
    if any(line.strip() and turn_of.separates(line) for line in lines[:-1]):
        return False
    turns = after_blank = 0
    for before, start in zip(["", *lines], starts, strict=False):
        if turn_of(start, None):
            turns += 1
            after_blank += not before.strip()
    return after_blank < 0.7 * turns
