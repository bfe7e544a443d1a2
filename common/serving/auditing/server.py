"""HTTP route: who changed what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from common.serving.keys.key import ApiKey
from common.serving.speakers import is_here
from common.storage.audit_log import AuditLog
from common.storage.database import DATABASE_TROUBLE

MOST_ROWS = 1000


class ChangeRow(BaseModel):
    """One change."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: float = Field(description="Seconds since 1970, UTC.")
    who: str = Field(description="The name of a key, or who was at the command line.")
    what: str
    about: str = Field(description="Ids of what was changed.")
    before: str
    after: str
    source: str = Field(description="The address that it came from, or the machine.")


class ChangeRows(BaseModel):
    """The latest changes, oldest first."""

    rows: list[ChangeRow]


def _written_out(value: object) -> object:
    # pydantic takes numbers, however they are written, for seconds since 1970.
    try:
        float(str(value))
    except ValueError:
        return value
    raise ValueError("not a date and a time as in ISO 8601")


def add_audit(app: FastAPI, log: AuditLog, *, has_keys: bool) -> None:
    """Add `GET /v1/audit`, for keys with the scope `admin`; without keys, for this machine."""

    @app.get("/v1/audit", tags=["operations"], summary="Who changed what")
    async def audit(
        request: Request,
        since: Annotated[AwareDatetime | None, BeforeValidator(_written_out)] = None,
        # PostgreSQL is not to be asked for a NUL.
        what: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 200,
    ) -> ChangeRows:
        key: ApiKey | None = getattr(request.state, "api_key", None)
        if not (key if has_keys else is_here(request)):
            raise HTTPException(403, "Without keys only this machine itself may read it.")
        begin = since.astimezone(UTC) if since else datetime.fromtimestamp(0, UTC)
        try:
            rows = await asyncio.to_thread(
                log.changes, since=begin.timestamp(), what=what, limit=limit
            )
        except DATABASE_TROUBLE:
            raise HTTPException(503, "The database does not answer; try again.") from None
        return ChangeRows(rows=[ChangeRow.model_validate(row) for row in rows])
