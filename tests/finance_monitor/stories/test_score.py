"""What `score` writes, and what it must not write over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.finance_monitor.stories.score import score_file
from common.errors import UserError

# Nothing is read by it where no row is a record.
NO_MODEL: Any = None


def test_scored_news_do_not_replace_the_file_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("published_at,text\n2026-03-02T09:30:00Z,Alba\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(UserError, match="scored news would be written"):
        score_file(path, tmp_path / "." / "news.csv", NO_MODEL, None)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_where_no_row_is_a_record_its_reason_is_told_and_nothing_replaced(
    tmp_path: Path, suffix: str
) -> None:
    path, target = tmp_path / "news.csv", tmp_path / f"scored{suffix}"
    path.write_text("published_at,text\n01.02.2026,Alba\n,Borel\n", encoding="utf-8")
    target.write_text("yesterday's", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        score_file(path, target, NO_MODEL, None)
    assert "news.csv:2" in str(caught.value)
    assert "published_at" in str(caught.value)
    assert "All 2 with their reasons" in str(caught.value)
    assert target.read_text(encoding="utf-8") == "yesterday's"
    names = {one.name for one in tmp_path.iterdir()}
    assert names == {"news.csv", target.name, "scored.rejected.jsonl"}
