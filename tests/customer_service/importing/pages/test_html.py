from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.importing.pages.html import read_html, text_of
from apps.customer_service.importing.pages.reading import read_page
from apps.customer_service.importing.pages.sections import read_sections
from apps.customer_service.importing.schema import Kind, Rejected, Source
from apps.customer_service.schema import LONGEST_ANSWER, Faq
from common.errors import UserError

PAGE = """<html><head><title>Returns | Shop</title><link rel="canonical" href="{url}">
<script>steal()</script></head><body><header><a href="/">Home</a></header><nav>Menu</nav>
<div class="cookie-banner">We use cookies.</div><main><h1>Returns</h1>
<h2>How do I return an item?</h2><p>Print the <b>label</b> in your account.</p>
<ol><li>Open Orders</li><li>Choose <em>Return</em></li></ol><h3>Abroad</h3><p>Any post office.</p>
<h2>What does it cost?</h2><table><tr><th>Country</th><th>Price</th></tr>
<tr><td>UK</td><td>£3</td></tr></table>
<details><summary>Can I return sale items?</summary><p>Yes, within 14 days.</p></details>
<p>Prices include tax.</p></main><aside>Related</aside><footer>© Shop</footer></body></html>"""


def _faqs(html: str) -> dict[str, Faq]:
    found = read_sections(read_html(html, "page.html", None, "Page"))
    return {one.question: one for one in found if isinstance(one, Faq)}


def test_a_heading_that_asks_is_answered_by_what_stands_under_it() -> None:
    faqs = _faqs(PAGE.format(url="https://shop.example/returns"))
    assert {question: faq.answer for question, faq in faqs.items()} == {
        "How do I return an item?": "Print the label in your account.\n1. Open Orders\n"
        "2. Choose Return\nAbroad\nAny post office.",
        "What does it cost?": "Country | Price\nUK | £3\nPrices include tax.",
        "Can I return sale items?": "Yes, within 14 days.",
    }
    assert {faq.url for faq in faqs.values()} == {"https://shop.example/returns"}


def test_an_address_that_is_a_program_is_none() -> None:
    assert not any(faq.url for faq in _faqs(PAGE.format(url="javascript:steal()")).values())


def test_a_page_where_nothing_asks_is_one_faq_under_its_title() -> None:
    html = "<h1>Plans</h1><p>There are two.</p><h2>Basic</h2><p>Costs $9.</p>"
    assert {q: f.answer for q, f in _faqs(html).items()} == {
        "Plans": "There are two.\nBasic\nCosts $9."
    }


@pytest.mark.parametrize(
    "html",
    [
        (
            '<script type="application/ld+json">{"@type": "FAQPage", "mainEntity": [{"@type": '
            '"Question", "name": "Do you gift wrap?", "acceptedAnswer": {"@type": "Answer", '
            '"text": "<p>Yes, for <b>$3</b>.</p>"}}]}</script>'
        ),
        "<dl><dt>Do you gift wrap?</dt><dd>Yes, for $3.</dd></dl>",
        "<h3><button>Do you gift wrap?</button></h3><div>Yes, for $3.</div>",
        "<details><summary>Do you gift wrap?</summary>Yes, for $3.</details>",
        "<p>Q: Do you gift wrap?</p><p>A: Yes, for $3.</p>",
    ],
    ids=["schema.org", "dt", "accordion", "details", "Q and A"],
)
def test_faqs_are_recognised_in_every_usual_form(html: str) -> None:
    assert {q: f.answer for q, f in _faqs(html).items()} == {"Do you gift wrap?": "Yes, for $3."}


def test_a_long_page_is_split_at_its_headings() -> None:
    part = "<p>" + "All about it. " * 200 + "</p>"
    faqs = _faqs(f"<h1>Guide</h1>{part}<h2>Setup</h2>{part}<h2>Use</h2>{part}")
    assert list(faqs) == ["Guide", "Guide: Setup", "Guide: Use"]
    assert all(len(faq.answer) <= LONGEST_ANSWER for faq in faqs.values())


def test_what_cannot_be_split_is_told() -> None:
    html = "<h1>Why?</h1><p>" + "word " * 2000 + "</p>"
    (one,) = read_sections(read_html(html, "page.html", None, "Page"))
    assert isinstance(one, Rejected)
    assert "no heading to split it at" in one.reason


def test_programs_in_a_message_are_no_text_and_what_is_escaped_stays_text() -> None:
    assert text_of("<p>One<script>steal()</script></p><p>Two &lt;b&gt;</p>") == "One\nTwo <b>"


def test_what_is_nested_without_end_is_read_or_refused(tmp_path: Path) -> None:
    html = "<div>" * 3000 + "Hello"
    assert text_of(html) == "Hello"
    (tmp_path / "deep.html").write_text(html, encoding="utf-8")
    with pytest.raises(UserError, match="nested too deeply"):
        read_page(Source(tmp_path / "deep.html", Kind.pages, "HTML"))


def test_a_table_within_a_table_is_read_once() -> None:
    html = "deep"
    for level in range(12):
        html = f"<table><tr><th>{level}</th><td>{html}</td></tr></table>"
    (block,) = read_html(f"<body>{html}</body>", "page.html", None, "Page").blocks
    assert block.text.count("deep") == 1
    assert block.text.startswith("11 | 10 | 9")


def test_the_items_of_a_list_are_counted_where_it_is_ordered() -> None:
    html = "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol><ol><li>d</li></ol>"
    blocks = read_html(f"<body>{html}</body>", "page.html", None, "Page").blocks
    assert [block.text for block in blocks] == ["1. a", "- b", "2. c", "1. d"]
