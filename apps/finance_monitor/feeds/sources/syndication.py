"""RSS and Atom: a document → its entries, whatever is missing or wrong in it."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from apps.finance_monitor.feeds.sources.source import Entry, whole
from common.errors import UserError
from common.records.fields import content_hash
from common.records.text import fold

# 2000: no feed is older, and what claims to be has a broken clock.
EARLIEST = 946_684_800.0
# "+0800", "Z", "GMT", "EST" at the end of a date; "10:00:00" alone names no zone.
ZONE = re.compile(r"(?:[+-]\d{2}:?\d{2}|[A-Za-z]+)\)?\s*$")

# A character's halves, each by its number: no XML, though some write emoji so.
HALF = re.compile(rb"&#(?:x0*([0-9a-f]{4})|0*(\d{5}));", re.IGNORECASE)


def read_entries(
    content: bytes, zone: ZoneInfo | None = None, *, with_bare_links: bool = False
) -> list[Entry]:
    """The entries of a document that have a title or a text, in its order.

    Args:
        zone: of dates that name none; None: UTC.
        with_bare_links: those too that have a link and no words.

    Raises:
        UserError: it is neither RSS nor Atom.
    """
    import feedparser

    # Bytes would be tried as the name of a file on this machine first.
    found = feedparser.parse(BytesIO(HALF.sub(_replaced, content)))
    if not found.get("version") and not found.entries:
        raise UserError("neither RSS nor Atom", hint="Give the address of the feed, not of a page.")
    entries = (_entry(one, zone) for one in found.entries)
    return [
        entry
        for entry in entries
        if entry.title or entry.summary or (with_bare_links and entry.url)
    ]


def _replaced(named: re.Match[bytes]) -> bytes:
    """What stands for half a character, and any other as it is."""
    code = int(named[1], 16) if named[1] else int(named[2])
    return b"&#xFFFD;" if 0xD800 <= code <= 0xDFFF else named[0]


def _entry(found: Any, zone: ZoneInfo | None) -> Entry:
    title = plain(found.get("title", ""))
    content = found.get("content") or [{}]
    summary = plain(found.get("summary") or content[0].get("value") or "")
    url = found.get("link") or None
    identity = found.get("id") or url or content_hash(title, summary)
    return Entry(
        id=identity,
        title=title,
        summary="" if fold(summary) == fold(title) else summary,
        url=url if url and url.startswith(("http://", "https://")) else None,
        fingerprint=content_hash(fold(title), fold(summary)),
        published=_published(found, zone),
    )


def _published(found: Any, zone: ZoneInfo | None) -> float | None:
    for name in ("published", "updated"):
        # Asked for what it lacks, feedparser warns.
        parsed = found.get(f"{name}_parsed") if f"{name}_parsed" in found else None
        if parsed is None:
            continue
        try:
            seconds = float(timegm(parsed))
            if zone is not None and not ZONE.search(found[name]):
                seconds = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=zone).timestamp()
        except (ValueError, OverflowError):
            # A year that no calendar has.
            continue
        if seconds > EARLIEST:
            return seconds
    return None


def plain(html: str) -> str:
    """The words of a piece of HTML, spaces folded."""
    html = whole(html)
    if "<" not in html and "&" not in html:
        return " ".join(html.split())
    from selectolax.lexbor import LexborHTMLParser

    body = LexborHTMLParser(html).body
    return " ".join(body.text(separator=" ").split()) if body else ""
