"""GDELT's Global Knowledge Graph: what the news of the world is about, every quarter of an hour.

`lastupdate.txt` names the latest files with their size and MD5; each is zipped, and holds a line of
27 columns for each article (GDELT GKG codebook 2.1). Articles have a title there and no text.
"""

from __future__ import annotations

import hashlib
import html
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.lines import reject
from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.rss import web_address
from apps.finance_monitor.feeds.sources.source import Answer, Entry, Known, WebSource
from common.console import say
from common.errors import UserError
from common.records.archives import UNREADABLE
from common.records.fields import content_hash
from common.records.text import fold

ENGLISH = "http://data.gdeltproject.org/gdeltv2/lastupdate.txt"
TRANSLATED = "http://data.gdeltproject.org/gdeltv2/lastupdate-translation.txt"
STEP = timedelta(minutes=15)
# After a longer silence what is older is left out, and that is told.
LONGEST_CATCH_UP = timedelta(days=1)
LARGEST_ZIP = 64 * 1024 * 1024
# A usual file is 10 to 40 MB.
LARGEST_UNZIPPED = 256 * 1024 * 1024
COLUMNS = 27
TIME, SITE, ADDRESS, THEMES, TRANSLATION, EXTRAS = 1, 3, 4, 7, 25, 26
NOT_FOUND = 404
TIMESTAMP = "%Y%m%d%H%M%S"
FILE = re.compile(r"/(\d{14})((?:\.translation)?\.gkg\.csv\.zip)$")
TITLE = re.compile(r"<PAGE_TITLE>(.*?)</PAGE_TITLE>", re.DOTALL)
SOURCE_LANGUAGE = re.compile(r"srclc:(\w+)")
# Of ISO 639-2, which GDELT writes; the others stay as they are.
LANGUAGES = {"zho": "zh", "eng": "en"}


class GdeltSource(WebSource):
    """Articles on some themes, in English or translated into it."""

    kind: Literal["gdelt"]
    url: str = Field("", description="Of lastupdate.txt. Default: GDELT's own.")
    translated: bool = Field(False, description="The articles in 65 other languages.")
    themes: tuple[str, ...] = Field(
        ("ECON_",), description="How a theme of an article must begin; none: all articles."
    )
    domains: tuple[str, ...] = Field((), description="Only of these sites; none: of all.")

    @field_validator("url")
    @classmethod
    def _is_web(cls, value: str) -> str:
        return web_address(value) if value else value

    @property
    def address(self) -> str:
        """Of the list of the latest files."""
        return self.url or (TRANSLATED if self.translated else ENGLISH)

    @property
    def key(self) -> str:
        """The address of its list, and what is wanted of it."""
        return f"gdelt:{self.address}:{','.join(self.themes)}:{','.join(self.domains)}"

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return str(urlsplit(self.address).hostname)

    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """The next file after the one that was read last."""
        latest = _latest(web.get(self.address, allow_private=self.allow_private).content)
        due = latest.time if known.cursor is None else self._next(known.cursor, latest.time)
        if due > latest.time:
            return Answer(None)
        content = self._file(latest, due, web)
        try:
            rows, rejected = self._read(content, due) if content is not None else ([], [])
        except UserError as error:
            if due == latest.time:
                raise
            # It will not be mended any more, and what came after it is to be read.
            rows, rejected = [], [reject(f"{self.label} {due:%Y-%m-%d %H:%M}", error.what, b"")]
        return Answer(
            rows,
            cursor=due.strftime(TIMESTAMP),
            forgets_listed=True,
            rejected=rejected,
            has_more=due < latest.time,
            read_until=due.timestamp(),
        )

    def _next(self, cursor: str, latest: datetime) -> datetime:
        due = _time(cursor) + STEP
        if latest - due > LONGEST_CATCH_UP:
            say(f"{self.label}: what is older than a day is left out; it was last read at {due}")
            return latest - LONGEST_CATCH_UP
        return due

    def _file(self, latest: _Latest, due: datetime, web: Web) -> bytes | None:
        """The file of a quarter of an hour; None where GDELT has none."""
        import httpx

        url = FILE.sub(lambda found: f"/{due.strftime(TIMESTAMP)}{found[2]}", latest.url)
        private = self.allow_private or urlsplit(url).hostname == self.host
        try:
            content = web.get(url, is_link=True, allow_private=private, largest=LARGEST_ZIP).content
        except httpx.HTTPStatusError as error:
            if error.response.status_code == NOT_FOUND and due < latest.time:
                return None
            raise
        if due == latest.time:
            latest.check(content)
        return content

    def _read(self, content: bytes, due: datetime) -> tuple[list[Entry], list[Rejected]]:
        entries: list[Entry] = []
        rejected: list[Rejected] = []
        for number, line in enumerate(_lines(content), 1):
            row = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
            try:
                if len(row) != COLUMNS:
                    raise ValueError(f"{len(row)} columns and not {COLUMNS}")
                if self._wants(row) and (entry := _entry(row)):
                    entries.append(entry)
            except ValueError as error:
                place = f"{self.label} {due:%Y-%m-%d %H:%M}:{number}"
                rejected.append(reject(place, str(error), line))
        return entries, rejected

    def _wants(self, row: list[str]) -> bool:
        themes = row[THEMES].split(";")
        return (not self.domains or row[SITE] in self.domains) and (
            not self.themes or any(theme.startswith(self.themes) for theme in themes)
        )


class _Latest:
    """The newest file that a list names."""

    def __init__(self, size: str, digest: str, url: str, timestamp: str) -> None:
        self.size, self.digest, self.url = int(size), digest, url
        self.time = _time(timestamp)

    def check(self, content: bytes) -> None:
        if len(content) != self.size:
            raise UserError(f"a file of {len(content)} bytes, and not of {self.size}")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != self.digest:
            raise UserError("a file whose MD5 is not the one that is told")


def _latest(listing: bytes) -> _Latest:
    for line in listing.decode("ascii", "replace").splitlines():
        size, _, rest = line.strip().partition(" ")
        digest, _, url = rest.partition(" ")
        if size.isdigit() and (found := FILE.search(url)):
            return _Latest(size, digest, url, found[1])
    raise UserError("names no file of the knowledge graph (gkg.csv.zip)")


def _lines(content: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise UserError(f"a zip of {len(members)} files, and not of one")
            if members[0].file_size > LARGEST_UNZIPPED:
                raise UserError(f"a zip that holds more than {LARGEST_UNZIPPED >> 20} MiB")
            with archive.open(members[0]) as file:
                yield from file
    except UNREADABLE as error:
        raise UserError(f"no zip that can be read: {error}") from None


def _entry(row: list[str]) -> Entry | None:
    found = TITLE.search(row[EXTRAS])
    title = " ".join(html.unescape(found[1]).split()) if found else ""
    url = row[ADDRESS]
    if not url.startswith(("http://", "https://")) or not title:
        return None
    language = SOURCE_LANGUAGE.search(row[TRANSLATION])
    code = language[1] if language else "eng"
    return Entry(
        id=url,
        title=title,
        summary="",
        url=url,
        fingerprint=content_hash(fold(title)),
        published=_time(row[TIME]).timestamp(),
        language=LANGUAGES.get(code, code),
        source=row[SITE] or None,
    )


def _time(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, TIMESTAMP).replace(tzinfo=UTC)
