"""A file of a help centre → its page."""

from __future__ import annotations

from pathlib import Path

from apps.customer_service.importing.pages.html import read_html
from apps.customer_service.importing.pages.markdown import read_markdown
from apps.customer_service.importing.pages.pdf import read_pdf
from apps.customer_service.importing.pages.word import read_word
from apps.customer_service.importing.pages.workbook import read_workbook
from apps.customer_service.importing.schema import Block, Page, Source
from common.errors import UserError
from common.files import check_readable
from common.records.encodings import read_text

FORMS = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), "HTML"),
    **dict.fromkeys((".md", ".markdown"), "Markdown"),
    **dict.fromkeys((".docx", ".docm"), "Word"),
    ".pdf": "PDF",
    ".txt": "text",
    **dict.fromkeys((".xlsx", ".xlsm"), "workbook"),
}
MOST_BYTES = 50_000_000


def read_page(source: Source) -> Page:
    """The page that a file holds.

    Raises:
        UserError: it cannot be read, or is larger than a page may be.
    """
    path, url = source.path, source.url
    check_readable(path)
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"more than {MOST_BYTES // 1_000_000} MB", where=str(path))
    title = _title(path)
    try:
        if source.form == "HTML":
            return read_html(read_text(path), str(path), url, title)
        if source.form == "Markdown":
            return read_markdown(read_text(path), str(path), url, title)
        if source.form == "Word":
            return read_word(path, url, title)
        if source.form == "PDF":
            return read_pdf(path, url, title)
        if source.form == "workbook":
            return read_workbook(path, url, title)
    except RecursionError:
        raise UserError("nested too deeply", where=str(path)) from None
    blocks = [Block(part) for line in read_text(path).splitlines() if (part := line.strip())]
    return Page(title, blocks, str(path), url)


def _title(path: Path) -> str:
    """What a file's name says."""
    name = path.parent.name if path.stem.lower() == "index" and path.parent.name else path.stem
    words = name.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]
