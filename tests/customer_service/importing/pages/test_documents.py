from __future__ import annotations

import os
import zipfile
from pathlib import Path

import docx
import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from pypdf import PdfReader, PdfWriter

from apps.customer_service.importing.pages.reading import read_page
from apps.customer_service.importing.pages.sections import read_sections
from apps.customer_service.importing.schema import Kind, Source
from apps.customer_service.importing.sources import find_sources, recognise
from apps.customer_service.schema import Faq
from common.errors import UserError
from common.records.writing import write_table


def _faqs(path: Path) -> dict[str, str]:
    page = read_page(recognise(path, None, {}))
    return {one.question: one.answer for one in read_sections(page) if isinstance(one, Faq)}


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "password.md"
    path.write_text(
        "---\ntitle: 密码\nurl: https://help.example/pw\n---\n## 怎么修改密码？\n\n"
        "打开设置，点击**修改密码**。\n\n1. 输入旧密码\n2. 输入新密码\n\n"
        "## 忘记密码怎么办\n\n| 方式 | 时间 |\n|---|---|\n| 短信 | 1分钟 |\n",
        encoding="utf-8",
    )
    assert _faqs(path) == {
        "怎么修改密码？": "打开设置，点击修改密码。\n1. 输入旧密码\n2. 输入新密码",
        "忘记密码怎么办": "方式 | 时间\n短信 | 1分钟",
    }
    assert read_page(recognise(path, None, {})).url == "https://help.example/pw"


def test_word(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Delivery", 0)
    document.add_heading("How long does delivery take?", 1)
    document.add_paragraph("Two to four days.")
    document.add_paragraph("Parcels are tracked.", style="List Bullet")
    document.add_heading("What does it cost?", 1)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Standard", "$4.90"
    document.save(str(tmp_path / "delivery.docx"))
    assert _faqs(tmp_path / "delivery.docx") == {
        "How long does delivery take?": "Two to four days.\n- Parcels are tracked.",
        "What does it cost?": "Standard | $4.90",
    }


def _pdf(path: Path, lines: list[tuple[str, float]]) -> Path:
    figure = Figure(figsize=(8, 11))
    height = 0.95
    for text, size in lines:
        figure.text(0.1, height, text, fontsize=size)
        height -= 0.03
    with PdfPages(path) as pages:
        pages.savefig(figure)
    return path


def test_pdf(tmp_path: Path) -> None:
    path = _pdf(
        tmp_path / "card.pdf",
        [
            ("Cards", 22),
            ("How do I block my card?", 16),
            ("Open the app and press Freeze, which works at", 10),
            ("once and costs nothing.", 10),
            ("When does the new one arrive?", 16),
            ("Within 5 working days, by post.", 10),
        ],
    )
    assert _faqs(path) == {
        "How do I block my card?": "Open the app and press Freeze, which works at once and costs "
        "nothing.",
        "When does the new one arrive?": "Within 5 working days, by post.",
    }


def test_an_encrypted_pdf_says_so(tmp_path: Path) -> None:
    writer = PdfWriter(PdfReader(_pdf(tmp_path / "open.pdf", [("How?", 12)])))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "closed.pdf")
    with pytest.raises(UserError, match="an encrypted PDF"):
        _faqs(tmp_path / "closed.pdf")


def test_a_pdf_without_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a PDF without text"):
        _faqs(_pdf(tmp_path / "scan.pdf", []))


@pytest.mark.parametrize("suffix", [".pdf", ".docx", ".xlsx"])
def test_what_only_bears_the_name_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"neither this nor that")
    with pytest.raises(UserError, match=r"not (a|an) "):
        _faqs(path)


def test_a_workbook_that_is_no_table_of_faqs_is_a_page(tmp_path: Path) -> None:
    write_table(tmp_path / "fees.xlsx", [{"Fee": "Card", "Amount": "$5"}, {"Fee": "=1+1"}])
    assert _faqs(tmp_path / "fees.xlsx") == {"Fees": "Fee | Amount\nCard | $5\n=1+1"}


@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "_rels/.rels"])
@pytest.mark.parametrize("content", [b"", b"<x/>", b"<w:document"])
def test_a_word_document_with_a_broken_part_is_told(
    tmp_path: Path, part: str, content: bytes
) -> None:
    whole, broken = tmp_path / "whole.docx", tmp_path / "broken.docx"
    made = docx.Document()
    made.add_paragraph("We are open until six in the evening.")
    made.save(str(whole))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    with pytest.raises(UserError, match="not a whole Word document"):
        read_page(Source(broken, Kind.pages, "Word"))


def test_a_page_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("# Open\n\nUntil six in the evening.", encoding="utf-8")
    # Who runs the tests as root may read everything.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="not readable by this user"):
        read_page(Source(tmp_path / "page.md", Kind.pages, "Markdown"))
    with pytest.raises(UserError, match="nothing to import"):
        find_sources([tmp_path], None, {})
