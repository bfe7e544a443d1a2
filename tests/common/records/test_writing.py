from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import fastexcel
import pytest
from pydantic import BaseModel

from common.errors import UserError
from common.records import writing
from common.records.reader import read_records
from common.records.rows import read_rows
from common.records.writing import write_table


class Tagged(BaseModel):
    text: str
    tags: list[str] = []


HOSTILE = '=HYPERLINK("http://a.example";"click")'
ROWS: list[dict[str, Any]] = [
    {"text": "卡丢了", "count": -1, "tags": ["a", "b"]},
    {"text": HOSTILE, "count": 2, "share": 0.5},
    {"text": "+86 10 1234", "count": 3, "tags": ["a|b"]},
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_table(path, ROWS)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert [row["text"] for row in rows] == ["卡丢了", f"'{HOSTILE}", "'+86 10 1234"]
    assert [row["count"] for row in rows] == ["-1", "2", "3"]
    assert rows[0]["tags"] == "a|b"


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    write_table(path, ROWS)
    sheet = fastexcel.read_excel(path).load_sheet(0).to_arrow().to_pylist()
    assert [row["text"] for row in sheet] == [row["text"] for row in ROWS]
    assert [row["count"] for row in sheet] == [-1, 2, 3]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_table(path, ROWS[:1])
    ((_, row),) = read_rows(path)
    assert isinstance(row, dict)
    assert (row["text"], int(row["count"])) == ("卡丢了", -1)
    assert not list(tmp_path.glob(".*"))


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown format '\.txt'"):
        write_table(tmp_path / "out.txt", ROWS)


def test_what_a_sheet_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.xlsx"
    with pytest.raises(UserError, match=r"row 1: text: 40,000 characters"):
        write_table(path, [{"text": "x" * 40_000}])
    monkeypatch.setattr(writing, "MOST_ROWS", 2)
    with pytest.raises(UserError, match="3 rows; a sheet has at most 2"):
        write_table(path, ROWS)
    assert not path.exists()


def test_a_list_of_texts_in_brackets_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table(path, [{"text": "a", "tags": ["[1]"]}])
    assert read_records(path, Tagged).items == [Tagged(text="a", tags=["[1]"])]
    path.write_text("text,tags\na,[Card] is it lost?|gone\n", encoding="utf-8")
    assert read_records(path, Tagged).items[0].tags == ["[Card] is it lost?", "gone"]
