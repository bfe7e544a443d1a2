from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
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
    elif suffix == ".json":
        path.write_text(json.dumps({"rows": ROWS, "count": 2}), encoding="utf-8")
    elif suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            book.add_worksheet("empty")
            sheet = book.add_worksheet("rows")
            sheet.write_row(1, 0, ["text", "count", "tags", "names"])
            sheet.write_row(2, 0, ["卡丢了, what now?", 1, "a|b"])
            sheet.write_row(4, 0, ['a "quoted"\nline', 2.0, None, '["x"]'])
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


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx"])
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    found = read_records(_write(tmp_path, suffix), Row)
    assert [row.model_dump() for row in found] == ROWS


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("gb18030", "GB18030"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-8-sig", "")],
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_the_encoding_is_recognised_and_said(
    tmp_path: Path, suffix: str, encoding: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, suffix)
    text = path.read_text(encoding="utf-8-sig")
    if suffix == ".jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    path.write_bytes(text.encode(encoding))
    assert [row.model_dump() for row in read_records(path, Row)] == ROWS
    assert (f"read as {named}" in capsys.readouterr().err) is bool(named)


def test_western_spreadsheets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("text;count\nGrüße, 5 € – naïve;1\n".encode("cp1252"))
    assert read_records(path, Row).items == [Row(text="Grüße, 5 € – naïve", count=1)]


def test_of_several_sheets_the_first_is_read_and_the_others_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("faq", "old"):
            book.add_worksheet(name).write_column(0, 0, ["text", f"from {name}"])
    assert [row.text for row in read_records(path, Row)] == ["from faq"]
    assert "read sheet 'faq'; not read: old" in capsys.readouterr().err
    path = tmp_path / "bad.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(2, 0, ["text", "count"])
        sheet.write_row(5, 0, ["a", "many"])
    with pytest.raises(UserError, match=r"bad\.xlsx:row 6: count"):
        read_records(path, Row)


def test_a_record_written_is_read_back(tmp_path: Path) -> None:
    rows = [Row.model_validate(row) for row in ROWS]
    write_jsonl(tmp_path / "out.jsonl", rows)
    assert read_records(tmp_path / "out.jsonl", Row).items == rows


def test_another_column_stands_in_for_a_field(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,n\nhello,3\n", encoding="utf-8")
    (row,) = read_records(path, Row, mapping={"text": "question", "count": "n"})
    assert (row.text, row.count) == ("hello", 3)


def test_an_optional_column_need_not_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,desk,names\na,north,x\n", encoding="utf-8")
    assert read_records(path, Row, optional={"names": "desk"}).items[0].names == ["north"]
    assert read_records(path, Row, optional={"names": "office"}).items[0].names is None
    assert "no column 'office': names stays empty" in " ".join(capsys.readouterr().err.split())


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
        ("rows.doc", b"x", "unknown format '.doc'"),
        ("rows.xlsx", b"x", "not an Excel workbook"),
        ("rows.json", b'{"a": 1}', "not a list of objects"),
        ("rows.json", b'{"text": "a"}\n{"text": "b"}\n', "call the file .jsonl"),
        ("noise.csv", bytes(range(128, 256)) * 9, "noise.csv:1: not UTF-8, UTF-16, GB18030"),
        ("twice.csv", b"text,text\na,b\n", "two columns are named 'text'"),
        ("rows.parquet", b"nonsense", "not a Parquet file"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n', "broken.jsonl:2: broken JSON"),
        ("list.jsonl", b'{"text": "a"}\n[1]\n', "list.jsonl:2: not a JSON object"),
        ("type.csv", b"text,count\na,many\n", "type.csv:2: count: Input should be a valid integer"),
        ("given.csv", b"text,count\na,many\n", "to parse string as an integer (given: 'many')"),
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


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_that_is_nested_without_end_is_bad_input(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep{suffix}"
    path.write_text("[" * 100_000 + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="nested too deeply"):
        read_records(path, Row)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_number_without_end_is_bad_input(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"long{suffix}"
    path.write_text('[{"count": ' + "1" * 5000 + "}]\n", encoding="utf-8")
    with pytest.raises(UserError, match="a number that is too long"):
        read_records(path, Row)


def test_most_of_the_separators_in_the_header_part_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text;count (1, 2, 3);tags;names\na;;b;c\n", encoding="utf-8")
    (row,) = read_records(path, Row)
    assert (row.tags, row.names) == (["b"], ["c"])


def test_a_cell_that_is_too_large_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,count\n{'x' * 200_000},1\nb,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="csv:2: a cell of more than 131,072 characters"):
        read_records(path, Row)


def test_nan_is_nothing_and_no_word(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "tags": NaN, "count": NaN}\n{"text": NaN}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"1 of 2 rows are bad:\n.*:2: text: Field required"):
        read_records(path, Row)


def test_a_title_above_the_table_is_told_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 2, "Export of 2026")
        sheet.write_row(2, 0, ["text", "count", "tags"])
    with pytest.raises(UserError, match="delete titles above it"):
        read_records(path, Row)
