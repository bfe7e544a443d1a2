from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.errors import UserError
from common.records.paths import expand
from common.records.rows import read_rows


def test_a_folder_stands_for_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.csv", "a.jsonl", "a.rejected.jsonl", "notes.txt", ".hidden.csv", "~$c.xlsx"):
        (tmp_path / name).write_text("text\n", encoding="utf-8")
    assert [path.name for path in expand([tmp_path])] == ["a.jsonl", "b.csv"]
    assert "a.jsonl, b.csv" in capsys.readouterr().err


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder without a table"):
        expand([tmp_path])


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"text,count\na,1\n", ".csv"),
        (b'{"text": "a", "count": 1}\n', ".jsonl"),
        (b'\xef\xbb\xbf [{"text": "a", "count": 1}]', ".json"),
    ],
)
def test_what_comes_in_is_known_by_how_it_begins(
    monkeypatch: pytest.MonkeyPatch, content: bytes, suffix: str
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    (path,) = expand([Path("-")])
    assert path.name == f"stdin{suffix}"
    ((_, row),) = read_rows(path)
    assert isinstance(row, dict)
    assert row["text"] == "a"
