"""Which feeds of the web are read, and how often: one address, or a file `sources.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from common.durations import parse_period
from common.errors import UserError
from common.files import read_toml

SCHEMES = ("http://", "https://")
USUAL_SECONDS = 300.0
# More often is impolite, and few publishers allow it.
LEAST_SECONDS = 30.0


def _seconds(value: object) -> object:
    return parse_period(value).total_seconds() if isinstance(value, str) else value


class WebSource(BaseModel):
    """One feed, RSS or Atom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    name: str = Field("", description="As the stories' source. Default: the host.")
    every: Annotated[float, BeforeValidator(_seconds)] = Field(
        USUAL_SECONDS, ge=LEAST_SECONDS, description='How often it is asked, such as "5min".'
    )
    language: str | None = None
    timezone: str | None = Field(None, description="Of dates that name none. Default: UTC.")

    @field_validator("url")
    @classmethod
    def _is_web(cls, value: str) -> str:
        if not value.startswith(SCHEMES) or not urlsplit(value).hostname:
            raise ValueError("not an address of the web")
        return value

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
    def label(self) -> str:
        """What its stories name as their source."""
        return self.name or str(urlsplit(self.url).hostname)

    @property
    def zone(self) -> ZoneInfo | None:
        """Of dates that name none."""
        return ZoneInfo(self.timezone) if self.timezone else None


class _Sources(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: list[WebSource] = Field(min_length=1)


def is_web(spec: str) -> bool:
    """Whether it names feeds of the web."""
    return spec.startswith(SCHEMES) or Path(spec).suffix.lower() == ".toml"


def read_sources(spec: str) -> list[WebSource]:
    """The feeds of an address, or of a file.

    Raises:
        UserError: there is no such file, or something in it is not as it should be.
    """
    try:
        if spec.startswith(SCHEMES):
            return [WebSource(url=spec)]
        sources = _Sources.model_validate(read_toml(Path(spec))).source
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(
            f"number {part + 1}" if isinstance(part, int) else str(part) for part in first["loc"]
        )
        raise UserError(
            f"{place}: {first['msg'].removeprefix('Value error, ')}",
            where=spec,
            hint='Each is [[source]] with url = "https://…", and every = "5min", name, language '
            "or timezone where wanted.",
        ) from None
    twice = [one.url for at, one in enumerate(sources) if one.url in {s.url for s in sources[:at]}]
    if twice:
        raise UserError(f"{twice[0]} appears twice", where=spec)
    return sources
