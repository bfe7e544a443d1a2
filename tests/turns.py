"""In which order the files of tests run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path


def in_turns(paths: Iterable[Path], slow: Mapping[Path, int]) -> list[Path]:
    """Files with the most slow tests first, lest one worker waits for the other's last.

    The others take turns, one of each folder: two workers in one folder would both want what its
    tests share, which the first of them makes while the other waits.

    Args:
        slow: how many slow tests there are in a file, where there are any.
    """
    files = Counter[Path]()
    turn: dict[Path, int] = {}
    for path in dict.fromkeys(paths):
        turn[path] = files[path.parent]
        files[path.parent] += 1
    return sorted(turn, key=lambda path: (-slow.get(path, 0), turn[path]))
