"""HTTP route: what the sent key may do, so that a page shows no more than that."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from common.serving.keys.key import ApiKey
from common.serving.keys.scopes import SCOPES, Scope


class Access(BaseModel):
    """What whoever asks may do."""

    needs_key: bool = Field(description="Whether the server has keys, and none was sent.")
    name: str | None = Field(description="Of the key that was sent.")
    scopes: list[Scope]


def add_access(app: FastAPI, *, has_keys: bool) -> None:
    """Add `GET /v1/access`, for everybody; without keys everybody may do all."""

    @app.get("/v1/access", tags=["operations"], summary="What the sent key may do")
    async def access(request: Request) -> Access:
        key: ApiKey | None = getattr(request.state, "api_key", None)
        if key is None:
            return Access(needs_key=has_keys, name=None, scopes=[] if has_keys else list(SCOPES))
        scopes = [scope for scope in SCOPES if scope in key.scopes]
        return Access(needs_key=False, name=key.name, scopes=scopes)
