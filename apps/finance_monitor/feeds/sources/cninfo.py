"""Announcements of companies listed in mainland China and Hong Kong, at cninfo.com.cn (巨潮资讯网).

A form is posted, and JSON comes back, thirty announcements a page. Its times are of Beijing; many
announcements carry a day and no time.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.rss import web_address
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, Seconds, Source
from apps.finance_monitor.feeds.sources.syndication import plain
from common.console import say
from common.errors import UserError
from common.records.fields import content_hash
from common.records.text import fold

SITE = "http://www.cninfo.com.cn"
FILES = "http://static.cninfo.com.cn"
BEIJING = ZoneInfo("Asia/Shanghai")
# More pages than these the site does not give.
PER_PAGE, MOST_PAGES = 30, 100
GAP_SECONDS = 0.5
# Around the words that were asked for.
EMPHASIS = re.compile("</?em>")


class CninfoSource(Source):
    """Announcements of one market, those of some kinds, or on some words."""

    kind: Literal["cninfo"]
    market: Literal["szse", "sse", "hke", "third", "fund", "bond"] = Field(
        "szse", description="As the site's own `column`; szse: Shenzhen, Shanghai and Beijing."
    )
    categories: tuple[str, ...] = Field((), description='Such as "category_ndbg_szsh".')
    words: str = Field("", description="In the title.")
    every: Seconds = Field(600.0, ge=60.0)
    since: Seconds = Field(24 * 3600.0, gt=0, description="How far back the first reading goes.")
    site: str = SITE

    _is_web = field_validator("site")(web_address)

    @property
    def key(self) -> str:
        """Market, kinds and words."""
        return f"cninfo:{self.market}:{';'.join(self.categories)}:{self.words}"

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return str(urlsplit(self.site).hostname)

    @property
    def label(self) -> str:
        """What its stories name as their source."""
        return self.name or "cninfo"

    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """The announcements since the day before the one that was read last."""
        today = datetime.fromtimestamp(now, BEIJING).date()
        first = datetime.fromtimestamp(now - self.since, BEIJING).date()
        if known.cursor is not None:
            first = datetime.fromisoformat(known.cursor).date() - timedelta(days=1)
        # What is published in the evening is dated the day after.
        days = f"{first}~{today + timedelta(days=1)}"
        found: dict[str, Entry] = {}
        for page in range(1, MOST_PAGES + 1):
            rows, has_more = self._page(page, days, web)
            for row in rows:
                entry = self._entry(row, now)
                found.setdefault(entry.id, entry)
            if not has_more:
                break
        else:
            say(f"{self.label}: more than {MOST_PAGES * PER_PAGE} announcements in {days};"
                " narrow it down by categories or words")  # fmt: skip
        return Answer(list(found.values()), cursor=today.isoformat())

    def _page(self, page: int, days: str, web: Web) -> tuple[list[dict[str, Any]], bool]:
        web.wait_turn(self.host, GAP_SECONDS)
        form = {
            "pageNum": str(page), "pageSize": str(PER_PAGE), "column": self.market,
            "tabName": "fulltext", "plate": "", "stock": "", "searchkey": self.words, "secid": "",
            "category": ";".join(self.categories), "trade": "", "seDate": days, "sortName": "",
            "sortType": "", "isHLtitle": "false",
        }  # fmt: skip
        reply = web.post_form(
            f"{self.site}/new/hisAnnouncement/query", form, {"Accept": "application/json"}
        )
        try:
            answer = json.loads(reply.content)
            rows = answer["announcements"] or []
            return rows, bool(answer["hasMore"]) and bool(rows)
        except (ValueError, KeyError, TypeError):
            raise UserError("answers with something that is no list of announcements") from None

    def _entry(self, row: dict[str, Any], now: float) -> Entry:
        try:
            company = row["secName"] or row["secCode"] or ""
            title = plain(EMPHASIS.sub("", row["announcementTitle"]))
            published = float(row["announcementTime"]) / 1000
            identity, path = str(row["announcementId"]), row["adjunctUrl"]
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"an announcement without {error}") from None
        company = plain(company)
        return Entry(
            id=f"cninfo://{identity}",
            title=f"{company}：{title}" if company else title,
            summary="",
            url=f"{FILES}/{path}" if path else None,
            fingerprint=content_hash(fold(company), fold(title)),
            published=_moment(published, now),
            language="zh",
        )


def _moment(seconds: float, now: float) -> float | None:
    """When it was published; None where it names only the day, and the day is not over."""
    time = datetime.fromtimestamp(seconds, BEIJING)
    is_day = (time.hour, time.minute, time.second) == (0, 0, 0)
    return (
        None if is_day and time.date() >= datetime.fromtimestamp(now, BEIJING).date() else seconds
    )
