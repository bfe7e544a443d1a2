"""HTTP routes: the script that a site names in one line, and the chat that it frames."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from common.serving.visitors import Visitors

CACHE_SECONDS = 600


def add_widget(app: FastAPI, web: Path, visitors: Visitors) -> None:
    """Add `GET /widget.js`, which any site may load, and `GET /widget`, which `visitors` frame."""
    policy = (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {' '.join(visitors.origins)}"
    )
    shared = {"Cross-Origin-Resource-Policy": "cross-origin"}

    @app.get("/widget.js", include_in_schema=False)
    async def script() -> FileResponse:
        headers = {**shared, "Cache-Control": f"max-age={CACHE_SECONDS}"}
        return FileResponse(web / "widget.js", headers=headers)

    @app.get("/widget", include_in_schema=False)
    async def framed() -> FileResponse:
        headers = {**shared, "Content-Security-Policy": policy}
        return FileResponse(web / "index.html", headers=headers)
