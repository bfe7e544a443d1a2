"""Markdown pages, by way of HTML, so that both are read alike."""

from __future__ import annotations

import re

from apps.customer_service.importing.pages.html import read_html
from apps.customer_service.importing.schema import Page

# YAML before the text, as site generators have it.
FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
ENTRY = re.compile(r"^(title|url|canonical_url|permalink)\s*:\s*(.+)$", re.MULTILINE)


def read_markdown(text: str, place: str, url: str | None, fallback_title: str) -> Page:
    """One page; its title and address may stand in the front matter."""
    from markdown_it import MarkdownIt

    stated: dict[str, str] = {}
    if front := FRONT_MATTER.match(text):
        text = text[front.end() :]
        stated = {name: value.strip().strip("'\"") for name, value in ENTRY.findall(front[1])}
    addresses = [stated.get(name, "") for name in ("url", "canonical_url", "permalink")]
    url = url or next((one for one in addresses if one.startswith(("https://", "http://"))), None)
    html = MarkdownIt("commonmark").enable("table").render(text)
    return read_html(html, place, url, stated.get("title") or fallback_title)
