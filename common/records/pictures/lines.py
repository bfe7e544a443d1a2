"""Lines of a picture, put together as they are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
# Of the lower line's height: with more space above it, it begins a paragraph.
PARAGRAPH = 0.9
# Of the height of the lower of two: what overlaps so far stands side by side.
SAME_ROW = 0.5


@dataclass(frozen=True)
class Line:
    """One line of text; places in pixels from the top left corner.

    Attributes:
        confidence: of the reader, from 0 to 1.
    """

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Of the letters, about."""
        return max(self.bottom - self.top, 1.0)


def in_order(lines: Sequence[Line]) -> list[Line]:
    """From top to bottom, and within a row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.top):
        if rows and _overlap(rows[-1][0], line) >= SAME_ROW:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda one: one.left)]


def joined(lines: Sequence[Line]) -> str:
    """The text of lines in order: one line a paragraph, without gaps within Chinese."""
    parts: list[str] = []
    for before, line in zip([None, *lines], lines, strict=False):
        if before is not None:
            parts.append(_between(before, line))
        parts.append(line.text.strip())
    return "".join(parts)


def _between(before: Line, line: Line) -> str:
    gap = line.top - before.bottom
    if gap > PARAGRAPH * min(before.height, line.height):
        return "\n"
    is_beside = _overlap(before, line) >= SAME_ROW
    wide = WIDE.match(before.text.strip()[-1:]) and WIDE.match(line.text.strip()[:1])
    return "" if wide and not is_beside else " "


def _overlap(one: Line, other: Line) -> float:
    """How much of the lower one's height both share."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared / min(one.height, other.height)
