"""Filings at the SEC: all that come in, or those of some companies.

https://www.sec.gov/os/accessing-edgar-data: who asks names themselves in the User-Agent, and asks
ten times a second at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.filing_items import ITEMS
from apps.finance_monitor.feeds.sources.rss import web_address
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, Seconds, WebSource, iso
from common.errors import UserError
from common.records.fields import content_hash

SITE = "https://www.sec.gov"
DATA = "https://data.sec.gov"
# A tenth of a second, and a little more.
GAP_SECONDS = 0.11
PER_PAGE, MOST_PAGES = 100, 20
# Filings may be listed a little out of order.
OVERLAP = 2 * 24 * 3600.0
NEW_YORK = ZoneInfo("America/New_York")


class EdgarSource(WebSource):
    """Filings of some forms."""

    kind: Literal["edgar"]
    user_agent: str = Field(description='Who asks, with an address: "Example Ltd news@example.com"')
    forms: tuple[str, ...] = Field(("8-K",), min_length=1)
    companies: tuple[int, ...] = Field((), description="Their CIK numbers; none: all companies.")
    since: Seconds = Field(24 * 3600.0, gt=0, description="How far back the first reading goes.")
    site: str = SITE
    data: str = DATA

    _are_web = field_validator("site", "data")(web_address)

    @field_validator("user_agent")
    @classmethod
    def _names_somebody(cls, value: str) -> str:
        if "@" not in value or len(value.split()) < 2:
            raise ValueError(
                'the SEC asks for a name and a mail address, like "Example Ltd news@example.com"'
            )
        return value

    @property
    def key(self) -> str:
        """Its forms and companies."""
        companies = ",".join(map(str, self.companies)) or "all"
        return f"edgar:{'|'.join(self.forms)}:{companies}"

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return str(urlsplit(self.site).hostname)

    @property
    def page_headers(self) -> Mapping[str, str]:
        """Filings too are asked for by name."""
        return {"User-Agent": self.user_agent}

    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """The latest filings."""
        read = now - self.since
        begin = read
        if known.cursor is not None:
            read = datetime.fromisoformat(known.cursor).timestamp()
            begin = read - OVERLAP
        if self.companies:
            entries = [one for cik in self.companies for one in self._filings_of(cik, begin, web)]
        else:
            entries = [one for form in self.forms for one in self._current(form, known, begin, web)]
        latest = max([read, *(one.published for one in entries if one.published)])
        return Answer(entries, cursor=iso(latest).isoformat())

    def _wants(self, form: str) -> bool:
        """Whether it is one of the forms, or the amendment of one."""
        return form.removesuffix("/A") in self.forms

    def _get(self, url: str, web: Web) -> bytes:
        web.wait_turn("edgar", GAP_SECONDS)
        return web.get(url, self.page_headers, allow_private=self.allow_private).content

    def _current(self, form: str, known: Known, begin: float, web: Web) -> list[Entry]:
        """The Atom feed of a form, page by page until what is known, or was before `begin`."""
        from apps.finance_monitor.feeds.sources.syndication import read_entries

        found: list[Entry] = []
        for page in range(MOST_PAGES):
            asked = {
                "action": "getcurrent", "type": form, "owner": "include", "output": "atom",
                "count": PER_PAGE, "start": page * PER_PAGE,
            }  # fmt: skip
            url = f"{self.site}/cgi-bin/browse-edgar?{urlencode(asked)}"
            listed = [_terse(one) for one in read_entries(self._get(url, web), NEW_YORK)]
            # The site takes the form for the beginning of one.
            found += [one for one in listed if self._wants(one.title.split(" - ")[0])]
            is_old = any((one.published or begin) < begin for one in listed)
            if len(listed) < PER_PAGE or is_old or any(one.id in known.seen for one in listed):
                break
        return [one for one in found if (one.published or begin) >= begin]

    def _filings_of(self, cik: int, begin: float, web: Web) -> list[Entry]:
        content = self._get(f"{self.data}/submissions/CIK{cik:010}.json", web)
        try:
            company = json.loads(content)
            recent = company["filings"]["recent"]
            rows = [
                dict(zip(recent, row, strict=True)) for row in zip(*recent.values(), strict=True)
            ]
            entries = [
                self._entry(cik, company["name"], row) for row in rows if self._wants(row["form"])
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"CIK {cik}: no list of filings: {error!r}") from None
        return [one for one in entries if (one.published or begin) >= begin]

    def _entry(self, cik: int, company: str, row: dict[str, Any]) -> Entry:
        number = row["accessionNumber"]
        items = [
            ITEMS.get(item, f"Item {item}") for item in row.get("items", "").split(",") if item
        ]
        title = f"{company}: {row['form']}"
        summary = "; ".join(items) or row.get("primaryDocDescription", "")
        folder = f"{self.site}/Archives/edgar/data/{cik}/{number.replace('-', '')}"
        accepted = datetime.fromisoformat(row["acceptanceDateTime"].replace("Z", "+00:00"))
        return Entry(
            id=f"edgar://{number}",
            title=title if not summary else f"{title}, {summary}",
            summary="",
            url=f"{folder}/{row.get('primaryDocument') or f'{number}-index.htm'}",
            fingerprint=content_hash(title, summary),
            published=accepted.timestamp(),
            language="en",
        )


def _terse(entry: Entry) -> Entry:
    """Known by its number; without that and its size, which say nothing of it."""
    _, item, items = entry.summary.partition("Item ")
    number = entry.id.rpartition("accession-number=")[2]
    return replace(entry, id=f"edgar://{number}", summary=item + items)
