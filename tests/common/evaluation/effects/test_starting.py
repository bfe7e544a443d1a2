"""Where a table of decisions and its graph are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UserError
from common.evaluation.effects.starting import DECISIONS, GRAPH, write_log


def test_a_graph_that_is_there_stays_and_the_table_is_new(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    write_log(out, [{"taken": 1}], "first")
    write_log(out, [{"taken": 0}], "second")
    assert (out / GRAPH).read_text(encoding="utf-8") == "first"
    assert (out / DECISIONS).read_text(encoding="utf-8-sig") == "taken\n0\n"


@pytest.mark.parametrize("parts", [("file.csv",), ("file.csv", "below")])
def test_what_is_no_directory_is_not_written_into(tmp_path: Path, parts: tuple[str, ...]) -> None:
    (tmp_path / "file.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="no directory"):
        write_log(tmp_path.joinpath(*parts), [{"taken": 1}], "")
    assert (tmp_path / "file.csv").read_text(encoding="utf-8") == "mine"
