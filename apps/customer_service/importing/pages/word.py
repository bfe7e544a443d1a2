"""Word documents: their headings, paragraphs, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from apps.customer_service.importing.schema import Block, Page
from common.errors import UserError
from common.records.archives import check_unpacked

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

# What python-docx, and lxml below it, raise where a part is cut off or is not what it should be.
DAMAGED = (SyntaxError, AttributeError, IndexError, KeyError, TypeError, ValueError)
HEADING = re.compile(r"heading (\d)", re.IGNORECASE)


def read_word(path: Path, url: str | None, fallback_title: str) -> Page:
    """One document; what runs in it, macros and links, is left where it is.

    Raises:
        UserError: it is no Word document, or larger than one may be.
    """
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    check_unpacked(path, "a Word document")
    try:
        document = docx.Document(str(path))
        blocks = list(_blocks(document))
        own = (document.core_properties.title or "").strip()
    except (PackageNotFoundError, *DAMAGED) as error:
        raise UserError(f"not a whole Word document: {error}", where=str(path)) from None
    title = next((block.text for block in blocks if block.level == 1), "")
    return Page(title or own or fallback_title, blocks, str(path), url)


def _blocks(document: Document) -> Iterator[Block]:
    from docx.table import Table

    for part in document.iter_inner_content():
        if isinstance(part, Table):
            for row in part.rows:
                # A merged cell is there once for each that it spans.
                cells = {id(cell._tc): cell.text.strip() for cell in row.cells}
                if any(cells.values()):
                    yield Block(" | ".join(" ".join(text.split()) for text in cells.values()))
        elif text := part.text.strip():
            yield _paragraph(part, text)


def _paragraph(paragraph: Paragraph, text: str) -> Block:
    style = (paragraph.style.name or "") if paragraph.style else ""
    if style.lower() == "title":
        return Block(text, 1)
    if found := HEADING.match(style):
        return Block(text, min(int(found[1]), 6))
    return Block(f"- {text}" if style.lower().startswith("list") else text)
