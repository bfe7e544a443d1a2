"""Saved web pages: what is read there, without what stands around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from apps.customer_service.importing.pages.questions import is_question
from apps.customer_service.importing.schema import Block, Page

# What is never read.
NOISE = (
    "script, style, noscript, template, svg, iframe, object, canvas, video, audio, input, select, "
    "textarea, nav, aside, footer, [hidden], [aria-hidden=true], [role=navigation], "
    "[style*='display:none' i], [style*='display: none' i], [style*='visibility:hidden' i], "
    "[style*='visibility: hidden' i], "
    "[role=banner], [role=contentinfo], [role=search], [role=dialog], [role=alertdialog], "
    "[class*=cookie], [id*=cookie], [class*=consent], [id*=consent], [class*=gdpr], "
    "[class*=breadcrumb], [class*=sidebar], [id*=sidebar], [class*=navbar], [class*=site-header], "
    "[class*=site-footer], [id*=footer], [class*=share-], [class*=feedback], [class*=related]"
)
MAIN = ("main", "[role=main]", "article", "#content", "#main", ".article-body", "body")
HEADINGS = {f"h{level}": level for level in range(1, 7)}
FOLDED = 7
BLOCKS = (
    *("address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "form", "header", "hr", "li", "main", "ol", "p", "pre"),
    *("section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
)
PARTS = frozenset({"tbody", "thead", "tfoot"})
ANY_BLOCK = ", ".join((*BLOCKS, *HEADINGS))
SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")


def read_html(text: str, place: str, url: str | None, fallback_title: str) -> Page:
    """One page: its title, headings and text; tables as rows, lists as lines."""
    tree = LexborHTMLParser(text)
    pairs = list(_stated_pairs(tree))
    url = url or _own_url(tree)
    title_node = tree.css_first("title")
    for node in tree.css(NOISE):
        if node.tag not in {"body", "html", "main", "article"}:
            node.decompose()
    for header in tree.css("body > header"):
        header.decompose()
    root = next((found for name in MAIN if (found := tree.css_first(name))), None)
    blocks = list(_blocks(root)) if root else []
    title = next((block.text for block in blocks if block.level == 1), "")
    if not title and title_node:
        title = re.split(r"\s+[|–—·]\s+|\s+-\s+", _inline(title_node))[0].strip()
    return Page(title or fallback_title, blocks, place, url, pairs)


def text_of(html: str) -> str:
    """The text of a message written as HTML, a paragraph a line."""
    if "<" not in html and "&" not in html:
        return html.strip()
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "noscript", "template"])
    root = tree.body
    if root is None:
        return ""
    try:
        return "\n".join(block.text for block in _blocks(root) if block.text)
    except RecursionError:
        # Nested without end: the text without its lines.
        return _inline(root)


def _own_url(tree: LexborHTMLParser) -> str | None:
    for name, attribute in (
        ("link[rel=canonical]", "href"),
        ("meta[property='og:url']", "content"),
    ):
        node = tree.css_first(name)
        url = (node.attributes.get(attribute) or "") if node else ""
        if url.startswith(("https://", "http://")):
            return url
    return None


def _stated_pairs(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    """Questions that the page names as such for search engines (schema.org, FAQPage)."""
    for node in tree.css("script[type='application/ld+json']"):
        with suppress(json.JSONDecodeError, RecursionError):
            yield from _pairs_in(json.loads(node.text(deep=True)))


def _pairs_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for part in value:
            yield from _pairs_in(part)
    elif isinstance(value, dict):
        answer = value.get("acceptedAnswer")
        if value.get("@type") == "Question" and answer:
            first = answer[0] if isinstance(answer, list) else answer
            said = first.get("text") if isinstance(first, dict) else first
            yield text_of(str(value.get("name") or "")), text_of(str(said or ""))
        else:
            for part in (value.get("mainEntity"), value.get("@graph")):
                yield from _pairs_in(part)


def _blocks(root: LexborNode) -> Iterator[Block]:
    """Headings and text in their order; what stands in one line stays in one."""
    line: list[str] = []
    items = 0

    def finished() -> Iterator[Block]:
        text = SPACES.sub(" ", "".join(line)).strip()
        line.clear()
        if text:
            yield Block(text)

    for node in root.iter(include_text=True):
        tag = node.tag or ""
        if tag == "-text":
            line.append(re.sub(r"\s+", " ", node.text(deep=False) or ""))
        elif tag == "button":
            # Of an accordion's heading it is read there; elsewhere it is something to press.
            continue
        elif tag == "br" or tag in HEADINGS or tag in BLOCKS:
            yield from finished()
            if tag == "li":
                items += 1
                yield from _item(node, f"{items}. " if root.tag == "ol" else "- ")
                continue
            yield from READERS.get(tag, _blocks)(node)
        elif node.css_first(ANY_BLOCK) is not None:
            yield from finished()
            yield from _blocks(node)
        else:
            line.append(_inline(node, strip=False))
    yield from finished()


def _heading(node: LexborNode) -> Iterator[Block]:
    if text := _inline(node):
        yield Block(text, HEADINGS[node.tag or ""])


def _lines(node: LexborNode) -> Iterator[Block]:
    yield from (Block(line) for line in node.text().splitlines() if line.strip())


def _inline(node: LexborNode, *, strip: bool = True) -> str:
    text = re.sub(r"\s+", " ", node.text(deep=True, separator=""))
    return text.strip() if strip else text


def _item(node: LexborNode, sign: str) -> Iterator[Block]:
    for number, block in enumerate(_blocks(node)):
        yield Block(sign + block.text) if number == 0 and not block.level else block


def _table(node: LexborNode) -> Iterator[Block]:
    """A row a line, its cells between vertical bars."""
    parts = [one for part in node.iter() for one in (part.iter() if part.tag in PARTS else [part])]
    for row in parts:
        # Not by a selector: what a table within a cell holds would be read again at every level.
        own = [cell for cell in row.iter() if row.tag == "tr" and cell.tag in {"th", "td"}]
        cells = [" ".join(block.text for block in _blocks(cell)) for cell in own]
        if any(cells):
            yield Block(" | ".join(cells))


def _details(node: LexborNode) -> Iterator[Block]:
    summary = node.css_first("summary")
    heading = _inline(summary) if summary else ""
    if summary is not None:
        summary.decompose()
    yield Block(heading, FOLDED)
    yield from (block for block in _blocks(node) if block.level not in range(1, FOLDED))
    yield Block("", FOLDED)


def _definitions(node: LexborNode) -> Iterator[Block]:
    """Questions and answers where the terms are questions, else a line a term."""
    parts = node.css("dt, dd")
    asks = any(is_question(_inline(part)) for part in parts if part.tag == "dt")
    for part in parts:
        if part.tag == "dt":
            yield Block(_inline(part), FOLDED if asks else 0)
        else:
            yield from _blocks(part)
    if asks:
        yield Block("", FOLDED)


READERS: dict[str, Callable[[LexborNode], Iterator[Block]]] = {
    **dict.fromkeys(HEADINGS, _heading),
    "table": _table,
    "details": _details,
    "dl": _definitions,
    "pre": _lines,
}
