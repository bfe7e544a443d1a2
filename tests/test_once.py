from __future__ import annotations

from pathlib import Path

import pytest
from once import made_once


def test_it_is_made_once_and_each_has_a_copy(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("whole")

    with made_once(tmp_path_factory, "example", make) as first:
        (first / "file").write_text("changed")
        with made_once(tmp_path_factory, "example", make) as second:
            assert (second / "file").read_text() == "whole"
    assert not first.exists()
    assert len(made) == 1


def test_what_failed_is_made_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space")

    with (
        pytest.raises(OSError, match="no space"),
        made_once(tmp_path_factory, "failing", fail),
    ):
        pass
    with made_once(tmp_path_factory, "failing", lambda folder: (folder / "file").touch()) as made:
        assert [path.name for path in made.iterdir()] == ["file"]
