"""`POST /v1/stories`: news that others send as it happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.watch.service import MonitorService
from common.records.fields import Time
from common.webhooks import is_signed

MOST_STORIES = 256


def _written(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("not a time in ISO 8601")
    return value


class SentStory(FeedRecord):
    """One line of a feed; no number is taken for a text or a time."""

    model_config = ConfigDict(coerce_numbers_to_str=False)

    published_at: Annotated[Time, BeforeValidator(_written)]


class Stories(BaseModel):
    """Body of `POST /v1/stories`."""

    model_config = ConfigDict(extra="forbid")

    stories: Annotated[list[SentStory], Field(min_length=1, max_length=MOST_STORIES)]


class Kept(BaseModel):
    """Reply of `POST /v1/stories`: `kept` on disk, to be read in turn; `known` by their ids."""

    kept: int
    known: int


def add_stories(app: FastAPI, service: MonitorService, secret: str | None) -> None:
    """Add the route; with a secret, a body must be signed by it."""

    async def signed(
        request: Request,
        x_signature_256: Annotated[
            str | None, Header(description="`sha256=` and the HMAC of the body, in hex.")
        ] = None,
    ) -> None:
        if secret and not is_signed(await request.body(), secret, x_signature_256 or ""):
            raise HTTPException(401, "X-Signature-256 is missing, or does not fit the body.")

    @app.post(
        "/v1/stories",
        status_code=202,
        tags=["records"],
        summary="Send news as it happens; sent again, it counts once",
        dependencies=[Depends(signed)],
    )
    def stories(asked: Stories) -> Kept:
        if not service.takes_stories:
            raise HTTPException(409, "This server follows a feed; --stories takes these beside it.")
        known = service.watch.store.known_ids([one.id for one in asked.stories])
        fresh = {one.id: one for one in asked.stories if one.id not in known}
        try:
            service.post(list(fresh.values()))
        except OSError as error:
            raise HTTPException(507, f"The stories could not be kept: {error.strerror}.") from error
        return Kept(kept=len(fresh), known=len(asked.stories) - len(fresh))
