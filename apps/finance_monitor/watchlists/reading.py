"""`watchlists.toml` → watchlists; companies go by any name that the list of companies has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.errors import UserError, reason_of
from common.files import read_toml
from common.rules.places import line_of, near

HINT = (
    'Each is [[watchlist]] with name = "…" and companies, topics or words = ["…"]; notify = ["…"] '
    'and false_alarms = "1 per 7d" where wanted.'
)


class _Watchlists(BaseModel):
    model_config = ConfigDict(extra="forbid")

    watchlist: list[Watchlist] = Field(min_length=1)


def read_watchlists(
    path: Path, listed: EntityList | None = None, topics: Sequence[str] = ()
) -> list[Watchlist]:
    """The watchlists of a file.

    Args:
        listed: the companies that are watched; a company is called there as it is here.
        topics: that the release knows; empty: not checked.

    Raises:
        UserError: something in it is not as it should be, two lists share a name, or a company or
            a topic that nobody watches.
    """
    try:
        found = _Watchlists.model_validate(read_toml(path)).watchlist
    except ValidationError as error:
        first = error.errors()[0]
        where = line_of(path, *first["loc"][:3])
        place = str(first["loc"][-1]) if first["loc"] else ""
        what = f"{place}: {reason_of(first)}" if place else reason_of(first)
        raise UserError(what, where=where, hint=HINT) from None
    names = [one.name for one in found]
    for number, one in enumerate(found):
        if one.name in names[:number]:
            where = line_of(path, "watchlist", number, "name")
            raise UserError(f"{one.name!r} appears twice", where=where)
        for topic in one.topics:
            if topics and topic not in topics:
                where = line_of(path, "watchlist", number, "topics")
                raise UserError(f"no topic {topic!r}", where=where, hint=near(topic, topics))
    return [_with_names(one, number, path, listed) for number, one in enumerate(found)]


def _with_names(one: Watchlist, number: int, path: Path, listed: EntityList | None) -> Watchlist:
    if listed is None:
        return one
    where = line_of(path, "watchlist", number, "companies")
    companies = []
    for given in one.companies:
        company = listed.one_named(given, where)
        if company is None:
            raise UserError(
                f"{given!r} is not in --entities, so that no story would name it",
                where=where,
                hint=near(given, listed.names),
            )
        companies.append(company)
    return one.model_copy(update={"companies": companies})
