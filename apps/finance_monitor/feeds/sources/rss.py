"""Feeds of the web, RSS and Atom."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from apps.finance_monitor.feeds.sources.fetching import NOT_MODIFIED, Web
from apps.finance_monitor.feeds.sources.source import Answer, Known, WebSource

SCHEMES = ("http://", "https://")


def web_address(value: str) -> str:
    """The address itself.

    Raises:
        ValueError: it is not one of the web.
    """
    if not value.startswith(SCHEMES) or not urlsplit(value).hostname:
        raise ValueError("not an address of the web")
    return value


class RssSource(WebSource):
    """One feed, RSS or Atom."""

    kind: Literal["rss"] = "rss"
    url: str
    timezone: str | None = Field(None, description="Of dates that name none. Default: UTC.")

    _is_web = field_validator("url")(web_address)

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError('there is no such zone; write it like "Asia/Shanghai"') from None
        return value

    @property
    def key(self) -> str:
        """Its address, without who asks and their password: a story's id may begin with it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return str(urlsplit(self.url).hostname)

    @property
    def zone(self) -> ZoneInfo | None:
        """Of dates that name none."""
        return ZoneInfo(self.timezone) if self.timezone else None

    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """The document; what did not change is not sent again."""
        from apps.finance_monitor.feeds.sources.syndication import read_entries

        conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        sent = {name: value for name, value in conditions.items() if value}
        reply = web.get(self.url, sent, allow_private=self.allow_private)
        if reply.status == NOT_MODIFIED:
            return Answer(None, pause=reply.pause)
        return Answer(
            read_entries(reply.content, self.zone, with_bare_links=self.full_text),
            etag=reply.headers.get("ETag"),
            modified=reply.headers.get("Last-Modified"),
            pause=reply.pause,
        )
