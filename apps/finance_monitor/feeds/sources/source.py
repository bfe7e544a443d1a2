"""What every source is: settings that a user writes, and a way to ask it what is new."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.feeds.feed import Rejected
from common.durations import parse_period

if TYPE_CHECKING:
    from apps.finance_monitor.feeds.sources.fetching import Web

USUAL_SECONDS = 300.0
# More often is impolite, and few publishers allow it.
LEAST_SECONDS = 30.0


def _seconds(value: object) -> object:
    return parse_period(value).total_seconds() if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds)]


class Known(BaseModel):
    """What was read of one source.

    Attributes:
        seen: by id, the fingerprint of each item that the source may list again.
        cursor: up to where it was read, in the source's own words.
    """

    model_config = ConfigDict(extra="forbid")

    etag: str | None = None
    modified: str | None = None
    seen: dict[str, str] = {}
    cursor: str | None = None


@dataclass(frozen=True)
class Entry:
    """One item of a source.

    Attributes:
        id: the same however often it is listed.
        fingerprint: other where the text was edited.
        published: seconds since 1970; None where it has no date that can be read.
        source: who wrote it, where the source carries the news of others.
    """

    id: str
    title: str
    summary: str
    url: str | None
    fingerprint: str
    published: float | None
    language: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a source said.

    Attributes:
        entries: in its order, those read before among them; None: nothing has changed.
        remembered: what to know again next time beside what is listed; with `forgets_listed`,
            in place of it.
        pause: seconds for which the publisher asks not to be asked again.
        has_more: there is more already, to be asked for at once.
        read_until: up to when it is read, seconds since 1970; None: up to now.
    """

    entries: Sequence[Entry] | None
    etag: str | None = None
    modified: str | None = None
    cursor: str | None = None
    remembered: Mapping[str, str] = field(default_factory=dict)
    forgets_listed: bool = False
    rejected: Sequence[Rejected] = ()
    pause: float = 0.0
    has_more: bool = False
    read_until: float | None = None


class Source(BaseModel, ABC):
    """One `[[source]]` of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str = Field("", description="As the stories' source. Default: the host.")
    every: Seconds = Field(
        USUAL_SECONDS, ge=LEAST_SECONDS, description='How often it is asked, such as "5min".'
    )
    language: str | None = None

    @property
    @abstractmethod
    def key(self) -> str:
        """What it is known by in a saved position; no two sources of a file have the same."""

    @property
    @abstractmethod
    def host(self) -> str:
        """The machine that is asked."""

    @abstractmethod
    def ask(self, known: Known, web: Web, now: float) -> Answer:
        """What it lists, beside what is known of it.

        Args:
            now: seconds since 1970.

        Raises:
            UserError: it answers something else than it should.
            httpx.HTTPError: it does not answer.
            OSError: as above.
        """

    @property
    def label(self) -> str:
        """What its stories name as their source."""
        return self.name or self.host

    @property
    def wants_full_text(self) -> bool:
        """Whether the page behind a link is read where the source says little."""
        return False

    @property
    def may_be_private(self) -> bool:
        """Whether links and redirects may lead into a private network."""
        return False

    @property
    def page_headers(self) -> Mapping[str, str]:
        """What its pages are asked for with, beside what all are."""
        return {}


class WebSource(Source, ABC):
    """A source whose items have pages."""

    full_text: bool = Field(False, description="Read the page where only a link is given.")
    allow_private: bool = Field(
        False, description="Links and redirects may lead to private addresses."
    )

    @property
    def wants_full_text(self) -> bool:
        """Whether the page behind a link is read where the source says little."""
        return self.full_text

    @property
    def may_be_private(self) -> bool:
        """Whether links and redirects may lead into a private network."""
        return self.allow_private


def whole(text: str) -> str:
    """A text whose halves of characters, which no encoding can write, are question marks."""
    return text.encode("utf-8", "replace").decode()


def iso(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
