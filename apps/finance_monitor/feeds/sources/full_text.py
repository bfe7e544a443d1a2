"""The text of the page behind a link, where a source gives little more than the link."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.source import Entry, Source
from common.errors import UserError

# From so many characters on, a source's own words are enough.
ENOUGH = 500
LARGEST_PAGE = 4 * 1024 * 1024
LONGEST_TEXT = 20_000
# Between two pages of one site.
GAP_SECONDS = 1.0
# Of one answer of a source; what has not been read by then goes out as it is.
READING_SECONDS = 120.0
ACCEPT = {"Accept": "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"}


def check_full_text() -> None:
    """See that pages can be read.

    Raises:
        UserError: the package that reads them is not installed.
    """
    try:
        import trafilatura  # noqa: F401
    except ImportError:
        raise UserError(
            "full_text: the package trafilatura is not installed",
            hint="pip install 'bizlm[pages]'",
        ) from None


def lacks_text(entry: Entry) -> bool:
    """Whether it has few words itself, and a page."""
    return bool(entry.url) and len(entry.summary) < ENOUGH


def with_full_text(entry: Entry, source: Source, web: Web) -> Entry:
    """The entry with the text of its page, where that says more.

    Raises:
        UserError: the page is too large, or takes too long.
        httpx.HTTPError: it cannot be had, or leads to a private address.
    """
    assert entry.url
    web.wait_turn(f"pages of {urlsplit(entry.url).hostname}", GAP_SECONDS)
    reply = web.get(
        entry.url,
        {**ACCEPT, **source.page_headers},
        is_link=True,
        allow_private=source.may_be_private,
        largest=LARGEST_PAGE,
    )
    text = main_text(reply.content, reply.url)
    return replace(entry, summary=text) if len(text) > len(entry.summary) else entry


def main_text(page: bytes, url: str) -> str:
    """What an article says, without what stands around it; empty where there is none."""
    import trafilatura

    found = trafilatura.extract(
        page, url=url, include_comments=False, include_tables=False, favor_precision=True
    )
    return (found or "")[:LONGEST_TEXT]
