"""An application's page: its own files, and those that all pages share."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

SHARED = Path(__file__).parent / "web"


def add_page(app: FastAPI, web: Path) -> None:
    """Serve `index.html` of `web` at `/`, the rest at `/web`, the shared files at `/web/shared`."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(web / "index.html")

    app.mount("/web/shared", StaticFiles(directory=SHARED))
    app.mount("/web", StaticFiles(directory=web))


def paths_of_page(web: Path) -> list[str]:
    """The paths that `add_page` serves."""
    own = [f"/web/{path.name}" for path in web.iterdir()]
    return ["/", *own, *(f"/web/shared/{path.name}" for path in SHARED.iterdir())]
