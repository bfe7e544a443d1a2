"""HTTP routes: stories that are looked for, and the watchlists that narrow what is shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel

from apps.finance_monitor.schema import ScoredRecord, Sentiment
from apps.finance_monitor.search.stories import StoryQuery, search
from apps.finance_monitor.watch.service import MonitorService
from apps.finance_monitor.watchlists.watchlist import Watchlist, named
from common.errors import UserError
from common.records.fields import Since, Until


class Shown(BaseModel):
    """A watchlist, without who is notified of it."""

    name: str
    companies: list[str]
    topics: list[str]
    words: list[str]
    false_alarms: str | None


def add_search(app: FastAPI, service: MonitorService) -> None:
    """Add the routes."""

    @app.get("/v1/stories", tags=["reading"], summary="Stories, those that came last first")
    def stories(
        limit: Annotated[int, Query(ge=1, le=200)] = 30,
        q: Annotated[str | None, Query(max_length=200)] = None,
        company: str | None = None,
        topic: str | None = None,
        sentiment: Sentiment | None = None,
        begin: Annotated[Since | None, Query(alias="from")] = None,
        end: Annotated[Until | None, Query(alias="to")] = None,
        watchlist: str | None = None,
    ) -> list[ScoredRecord]:
        query = StoryQuery(
            q=q,
            company=company and service.company_named(company),
            topic=topic,
            sentiment=sentiment,
            begin=begin,
            end=end,
        )
        return search(service.watch.store, query, limit, list_named(service, watchlist))

    @app.get("/v1/watchlists", tags=["reading"], summary="What people watch")
    def watchlists() -> list[Shown]:
        return [
            Shown(
                name=one.name,
                companies=one.companies,
                topics=one.topics,
                words=one.words,
                false_alarms=str(one.false_alarms) if one.false_alarms else None,
            )
            for one in service.watchlists
        ]


def list_named(service: MonitorService, name: str | None) -> Watchlist | None:
    """The watchlist of that name; None where none is asked for, and 404 where there is none."""
    if not name:
        return None
    try:
        return named(service.watchlists, name)
    except UserError as error:
        raise HTTPException(404, error.what) from None
