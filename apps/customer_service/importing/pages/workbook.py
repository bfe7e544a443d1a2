"""Workbooks that are no table of FAQs, and tables taken for pages: a row a line."""

from __future__ import annotations

from pathlib import Path

from apps.customer_service.importing.schema import Block, Page
from common.records.spreadsheet import read_sheet


def read_workbook(path: Path, url: str | None, fallback_title: str) -> Page:
    """The first sheet that holds anything; a cell that begins with = is text like any other.

    Raises:
        UserError: it is no workbook, or larger than one may be.
    """
    rows = (
        [cell.strip() for cell in cells if cell and cell.strip()] for _, cells in read_sheet(path)
    )
    blocks = [Block(" | ".join(cells)) for cells in rows if cells]
    return Page(fallback_title, blocks, str(path), url)
