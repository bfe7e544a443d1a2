from __future__ import annotations

from pathlib import Path

from turns import in_turns

FILES = [Path("a/one"), Path("a/two"), Path("a/three"), Path("b/one"), Path("b/two")]


def test_folders_take_turns() -> None:
    found = in_turns([path for path in FILES for _ in range(2)], {})
    assert [str(path) for path in found] == ["a/one", "b/one", "a/two", "b/two", "a/three"]


def test_what_is_slowest_comes_first() -> None:
    found = in_turns(FILES, {Path("a/three"): 1, Path("b/two"): 3})
    assert [str(path) for path in found] == ["b/two", "a/three", "a/one", "b/one", "a/two"]
