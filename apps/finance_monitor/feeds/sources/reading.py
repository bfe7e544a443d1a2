"""Which sources are read, and how often: one address, or a file `sources.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from apps.finance_monitor.feeds.sources.cninfo import CninfoSource
from apps.finance_monitor.feeds.sources.edgar import EdgarSource
from apps.finance_monitor.feeds.sources.gdelt import GdeltSource
from apps.finance_monitor.feeds.sources.mailbox import MailboxSource
from apps.finance_monitor.feeds.sources.rss import SCHEMES, RssSource
from apps.finance_monitor.feeds.sources.source import Source
from common.addresses import check_host
from common.errors import UserError, reason_of
from common.files import read_toml

KINDS = ("rss", "gdelt", "edgar", "cninfo", "mailbox")


def _kind(value: Any) -> Any:
    return value.get("kind", "rss") if isinstance(value, dict) else "rss"


AnySource = Annotated[
    Annotated[RssSource, Tag("rss")]
    | Annotated[GdeltSource, Tag("gdelt")]
    | Annotated[EdgarSource, Tag("edgar")]
    | Annotated[CninfoSource, Tag("cninfo")]
    | Annotated[MailboxSource, Tag("mailbox")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message=f"kind: there are {', '.join(KINDS)}",
    ),
]


class _Sources(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: list[AnySource] = Field(min_length=1)


def is_web(spec: str) -> bool:
    """Whether it names sources to be asked: an address of the web, or a file of them."""
    # The address of a topic may name a file of settings.
    is_file = "://" not in spec and Path(spec).suffix.lower() == ".toml"
    return spec.startswith(SCHEMES) or is_file


def read_sources(spec: str) -> list[Source]:
    """The source of an address, or those of a file.

    Raises:
        UserError: there is no such file, or something in it is not as it should be, or is this
            machine.
    """
    try:
        if spec.startswith(SCHEMES):
            sources: list[Source] = [RssSource(url=spec)]
        else:
            sources = [*_Sources.model_validate(read_toml(Path(spec))).source]
    except ValidationError as error:
        first = error.errors()[0]
        # The kind, by which the model was chosen, is no part of what the user wrote.
        parts = [p for at, p in enumerate(first["loc"]) if not (at == 2 and p in KINDS)]
        place = " ".join(
            f"number {part + 1}" if isinstance(part, int) else str(part) for part in parts
        )
        raise UserError(
            f"{place}: {reason_of(first)}",
            where=spec,
            hint='Each is [[source]] with url = "https://…", or with a kind '
            f"({', '.join(KINDS)}) and what that asks for; see docs/finance_monitor.md.",
        ) from None
    keys = [one.key for one in sources]
    twice = [key for at, key in enumerate(keys) if key in keys[:at]]
    if twice:
        raise UserError(f"{twice[0]} appears twice", where=spec)
    for one in sources:
        check_host(one.host, spec)
    return sources
