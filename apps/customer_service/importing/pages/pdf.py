"""PDF documents: lines with the size of their letters, by which headings are told."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from apps.customer_service.importing.pages.questions import is_question
from apps.customer_service.importing.schema import Block, Page
from common.errors import UserError

MOST_PAGES = 2000
# A heading is set larger than the text by this much at least.
LARGER = 1.12
LONGEST_HEADING = 150
# Lines further apart than this many times the usual distance begin a paragraph.
PARAGRAPH = 1.35


@dataclass
class _Line:
    text: str
    size: float
    y: float
    page: int
    is_bold: bool


def read_pdf(path: Path, url: str | None, fallback_title: str) -> Page:
    """One document.

    Raises:
        UserError: it is no PDF, is encrypted, has no text, or more than `MOST_PAGES` pages.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    # What is mended on the way is nobody's business; what cannot be read is raised.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(path)
        # An empty password opens what is only protected against changes.
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted(path)
        if len(reader.pages) > MOST_PAGES:
            raise UserError(f"more than {MOST_PAGES:,} pages", where=str(path))
        lines = [line for page in range(len(reader.pages)) for line in _lines(reader, page)]
        stated = str((reader.metadata and reader.metadata.title) or "").strip()
    except DependencyError:
        raise _encrypted(path) from None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # What pypdf raises where a document contradicts itself.
        raise UserError(f"not a whole PDF: {error}", where=str(path)) from None
    if not lines:
        raise UserError(
            "a PDF without text: pictures of pages, perhaps scanned",
            where=str(path),
            hint="Run text recognition over it first (ocrmypdf IN OUT).",
        )
    blocks = list(_blocks(_without_running_heads(lines)))
    title = next((block.text for block in blocks if block.level == 1), "")
    return Page(title or stated or fallback_title, blocks, str(path), url)


def _encrypted(path: Path) -> UserError:
    return UserError(
        "an encrypted PDF", where=str(path), hint="Save it without a password and import that."
    )


def _lines(reader: Any, number: int) -> Iterator[_Line]:
    """The lines of one page, from top to bottom as they were written."""
    found = [_Line("", 0.0, 0.0, number, False)]

    def visit(text: str, outer: list[float], inner: list[float], font: Any, size: float) -> None:
        if not text:
            return
        # Both are matrices a b c d e f (ISO 32000, 8.3.3): d scales what is upright, f is its y.
        y = inner[4] * outer[1] + inner[5] * outer[3] + outer[5]
        scale = abs(inner[3] * outer[3]) or 1.0
        is_bold = "bold" in str((font or {}).get("/BaseFont", "")).lower()
        for place, part in enumerate(text.split("\n")):
            if place:
                found.append(_Line("", 0.0, 0.0, number, False))
            if part.strip() and not found[-1].text:
                found[-1] = _Line("", round(size * scale, 1), y, number, is_bold)
            found[-1].text += part

    reader.pages[number].extract_text(visitor_text=visit)
    for line in found:
        line.text = " ".join(line.text.split())
        if line.text:
            yield line


def _without_running_heads(lines: list[_Line]) -> list[_Line]:
    """Without page numbers, and lines that stand on most pages: heads and feet."""
    pages = {line.page for line in lines}
    seen = Counter(text for text, _ in {(line.text, line.page) for line in lines})
    often = {text for text, count in seen.items() if len(pages) > 3 and count > len(pages) / 2}
    return [line for line in lines if line.text not in often and not line.text.isdigit()]


def _blocks(lines: list[_Line]) -> Iterator[Block]:
    letters = Counter[float]()
    for line in lines:
        letters[line.size] += len(line.text)
    usual = letters.most_common(1)[0][0] if letters else 0.0
    sizes = sorted({line.size for line in lines if line.size > LARGER * usual}, reverse=True)
    gaps = Counter(round(a.y - b.y) for a, b in pairwise(lines) if a.page == b.page)
    gap = gaps.most_common(1)[0][0] if gaps else 0
    paragraph: list[_Line] = []
    before: _Line | None = None
    for line in lines:
        level = _level(line, usual, sizes)
        is_next = before is not None and before.page == line.page
        is_far = is_next and before is not None and before.y - line.y > PARAGRAPH * max(gap, 1)
        if paragraph and (level or is_far):
            yield _paragraph(paragraph)
            paragraph = []
        if level:
            yield Block(line.text, level, line.page + 1)
        else:
            paragraph.append(line)
        before = line
    if paragraph:
        yield _paragraph(paragraph)


def _paragraph(lines: list[_Line]) -> Block:
    return Block(_joined([line.text for line in lines]), page=lines[0].page + 1)


def _level(line: _Line, usual: float, sizes: list[float]) -> int:
    """Of a heading, 1 the largest; 0 of text."""
    if len(line.text) > LONGEST_HEADING:
        return 0
    if line.size in sizes:
        return min(1 + sizes.index(line.size), 6)
    is_own_line = line.is_bold or line.text.rstrip().endswith(("?", "？"))
    return 6 if is_own_line and is_question(line.text) else 0


def _joined(lines: list[str]) -> str:
    """Lines as a paragraph: no space between Chinese ones, no hyphen at a broken word."""
    text = lines[0]
    for line in lines[1:]:
        if text.endswith("-") and line[:1].islower():
            text = text[:-1] + line
        elif text[-1:].isascii() or line[:1].isascii():
            text = f"{text} {line}"
        else:
            text += line
    return text
