"""Where in a TOML file something stands, and the nearest of the names that there are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path

SHOWN = 8


def line_of(path: Path, *place: str | int) -> str:
    """`path:line` of a key, or of a key within the rule of this number; `path` where not found.

    Args:
        place: the keys that lead there; a number counts the `[[table]]`s of the key before it.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    at, end, found = 0, len(lines), 0
    for step, key in enumerate(place):
        if isinstance(key, int):
            heads = _matching(lines, rf"^\s*\[\[\s*{re.escape(str(place[step - 1]))}\s*\]\]")
            if key < len(heads):
                at = found = heads[key]
                end = heads[key + 1] if key + 1 < len(heads) else len(lines)
            continue
        name = rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?\s*[=\]]"
        if hits := [n for n in _matching(lines, name) if at <= n < end]:
            at = found = hits[0]
    return f"{path}:{found + 1}" if found or place else str(path)


def _matching(lines: list[str], pattern: str) -> list[int]:
    return [number for number, line in enumerate(lines) if re.search(pattern, line)]


def near(name: str, known: Collection[str]) -> str:
    """A hint: the nearest of the known names, or some of them."""
    found = difflib.get_close_matches(name, known, n=1)
    if found:
        return f"Did you mean {found[0]}?"
    some = list(known)[:SHOWN]
    more = f" … ({len(known):,} in all)" if len(known) > SHOWN else ""
    return f"There are: {', '.join(some)}{more}" if some else "There are none."
