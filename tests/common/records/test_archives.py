from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from common.records import archives
from common.records.archives import check_unpacked
from common.records.rows import read_rows
from common.records.writing import write_table

SHEET = "xl/worksheets/sheet1.xml"


def _book(folder: Path, sheet: str) -> Path:
    """A workbook in which the sheet is this text."""
    write_table(folder / "good.xlsx", [{"question": "How?", "answer": "So."}])
    with (
        zipfile.ZipFile(folder / "good.xlsx") as good,
        zipfile.ZipFile(folder / "bad.xlsx", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, sheet if name == SHEET else good.read(name))
    return folder / "bad.xlsx"


def test_a_formula_is_text_and_a_macro_is_not_run(tmp_path: Path) -> None:
    write_table(tmp_path / "macros.xlsx", [{"question": "=1+1", "answer": "@SUM(A1)"}])
    (tmp_path / "macros.xlsx").rename(tmp_path / "macros.xlsm")
    with zipfile.ZipFile(tmp_path / "macros.xlsm", "a") as book:
        book.writestr("xl/vbaProject.bin", b"Sub Auto_Open()")
    ((_, row),) = read_rows(tmp_path / "macros.xlsm")
    assert row == {"question": "=1+1", "answer": "@SUM(A1)"}


def test_too_many_rows_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = _book(tmp_path, "<sheetData>" + '<row r="1"/>' * (archives.MOST_ROWS + 2))
    with pytest.raises(UserError, match="more than 1,000,000 rows"):
        read_rows(path)


def test_two_cells_far_apart_are_refused(tmp_path: Path) -> None:
    far = '<row r="1"><c r="A1"/></row><row r="900000"><c r="ABC900000"><v>1</v></c></row>'
    with pytest.raises(UserError, match="more than 50,000,000 cells"):
        read_rows(_book(tmp_path, f"<sheetData>{far}</sheetData>"))


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in range(6):
            bomb.writestr(f"xl/{name}.xml", bytes(100_000_000))
    assert (tmp_path / "bomb.xlsx").stat().st_size < 1_000_000
    with pytest.raises(UserError, match="more than 500 MB when unpacked"):
        check_unpacked(tmp_path / "bomb.xlsx", "a workbook")


def test_a_size_that_is_stated_wrong_does_not_help(tmp_path: Path) -> None:
    path = tmp_path / "liar.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/a.xml", bytes(1_000_000))
    data = path.read_bytes()
    size = (1_000_000).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(UserError, match="not a workbook"):
        check_unpacked(path, "a workbook")


def test_entities_of_a_sheet_are_not_followed(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))
    sheet = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><worksheet>'
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>q &a19;</t></is></c></row>'
        "</sheetData></worksheet>"
    )
    path = _book(tmp_path, sheet)
    try:
        rows = read_rows(path)
    except UserError:
        return
    assert all(len(str(row)) < 1000 for row in rows)
