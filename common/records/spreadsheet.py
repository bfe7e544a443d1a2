"""Excel workbooks: the first sheet that holds anything is the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.console import say
from common.errors import UserError
from common.records.archives import check_unpacked


def read_sheet(path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """Rows of the first sheet that is not empty, each with its number as Excel shows it.

    The header is one of them. All cells come as text: numbers as one writes them, times as in
    ISO 8601.

    Raises:
        UserError: it is no workbook, or larger than one may be.
    """
    import fastexcel

    check_unpacked(path, "an Excel workbook")
    try:
        book = fastexcel.read_excel(path)
        sheets = {name: book.load_sheet(name, header_row=None) for name in book.sheet_names}
    except fastexcel.FastExcelError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"not an Excel workbook: {reason}", where=str(path)) from None
    full = [name for name, sheet in sheets.items() if sheet.height]
    if len(full) > 1:
        say(f"{path}: read sheet {full[0]!r}; not read: {', '.join(full[1:])}")
    for name in full[:1]:
        # Everything as text: a column that holds a header has no other type.
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        columns = [series.to_pylist() for series in sheet.to_arrow().columns]
        for number, cells in enumerate(zip(*columns, strict=True), start=1):
            yield number, list(cells)


def write_sheet(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a workbook of one sheet; no text in it becomes a formula or a link."""
    import xlsxwriter

    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, plain) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name)
        for number, row in enumerate(rows, start=1):
            for column, name in enumerate(columns):
                if (value := row.get(name)) is not None:
                    sheet.write(number, column, value)
