from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from common.errors import UserError
from common.records.reader import read_records, write_jsonl


class Row(BaseModel):
    text: str
    count: int = 0
    tags: list[str] = []
    names: list[str] | None = None


ROWS = [
    {"text": "卡丢了, what now?", "count": 1, "tags": ["a", "b"], "names": None},
    {"text": 'a "quoted"\nline', "count": 2, "tags": [], "names": ["x"]},
]


def _write(folder: Path, suffix: str) -> Path:
    path = folder / f"rows{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n", encoding="utf-8")
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        comma = "\t" if suffix == ".tsv" else ","
        lines = [
            comma.join(["text", "count", "tags", "names"]),
            comma.join(['"卡丢了, what now?"', "1", "a|b", ""]),
            comma.join(['"a ""quoted""\nline"', "2", "", '"[""x""]"']),
        ]
        path.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    found = read_records(_write(tmp_path, suffix), Row)
    assert [row.model_dump() for row in found] == ROWS


def test_a_record_written_is_read_back(tmp_path: Path) -> None:
    rows = [Row.model_validate(row) for row in ROWS]
    write_jsonl(tmp_path / "out.jsonl", rows)
    assert read_records(tmp_path / "out.jsonl", Row).items == rows


def test_another_column_stands_in_for_a_field(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,n\nhello,3\n", encoding="utf-8")
    (row,) = read_records(path, Row, mapping={"text": "question", "count": "n"})
    assert (row.text, row.count) == ("hello", 3)


def test_where_no_name_is_alike_the_column_with_most_text_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("category,utterance\ncard,where is the card that you sent\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_records(path, Row)
    assert "--map text=utterance" in str(caught.value)


def test_a_missing_column_names_the_map_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("texts,n\nhello,3\n", encoding="utf-8")
    with pytest.raises(UserError, match="missing column 'text'") as caught:
        read_records(path, Row)
    assert "--map text=texts" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.csv", None, "no such file"),
        ("empty.csv", b"", "the file is empty"),
        ("header.csv", b"text,count\n", "the file is empty"),
        ("rows.xlsx", b"x", "unknown format '.xlsx'"),
        ("gbk.csv", "text\n卡丢了\n".encode("gb18030"), "iconv -f GB18030"),
        ("twice.csv", b"text,text\na,b\n", "two columns are named 'text'"),
        ("rows.parquet", b"nonsense", "not a Parquet file"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n', "broken.jsonl:2: broken JSON"),
        ("list.jsonl", b'{"text": "a"}\n[1]\n', "list.jsonl:2: not a JSON object"),
        ("type.csv", b"text,count\na,many\n", "type.csv:2: count: Input should be a valid integer"),
        ("cells.csv", b"text,count\na,1\nb\n", "cells.csv:3: 1 cells, but the header has 2"),
    ],
)
def test_a_bad_file_says_what_and_where(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_records(path, Row)
    assert message in str(caught.value)


def test_a_line_is_named_after_a_cell_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('text,count\n"two\nlines",1\nb,x\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"rows\.csv:4: count"):
        read_records(path, Row)


def test_all_bad_rows_are_counted_and_the_first_ten_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,count\nok,1\n" + "bad,x\n" * 15, encoding="utf-8")
    with pytest.raises(UserError, match="15 of 16 rows are bad") as caught:
        read_records(path, Row)
    assert str(caught.value).count("rows.csv:") == 11  # ten rows, and the file itself
    assert "and 5 more" in str(caught.value)


def test_bad_rows_that_are_skipped_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\nnonsense\n{"count": 1}\n', encoding="utf-8")
    found = read_records(path, Row, on_bad_row="skip")
    assert ([row.text for row in found], found.rejected) == (["a"], 2)
    kept = (tmp_path / "rows.rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["place"].rpartition(":")[2] for line in kept] == ["2", "3"]
    assert json.loads(kept[0])["row"] == "nonsense"
