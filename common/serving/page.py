"""An application's page: its own files, and those that all pages share.

A page says what is its own: `<head>`, then `<nav>`, or nothing where it leads back to `/` alone,
then its body. `page.html` is around it. A file that is a whole document is served as it is.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from string import Template

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

SHARED = Path(__file__).parent / "web"
AROUND = Path(__file__).parent / "page.html"
PARTS = re.compile(r"<head>\n(.*?)\n</head>\n(?:<nav>\n(.*?)\n?</nav>\n)?(.*)\n", re.DOTALL)
BACK = '  <a href="/" data-text="back"></a>'


def add_page(app: FastAPI, web: Path) -> None:
    """Serve `index.html` of `web` at `/`, the rest at `/web`, the shared files at `/web/shared`."""

    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(whole(web / "index.html"))

    app.mount("/web/shared", _Files(directory=SHARED))
    app.mount("/web", _Files(directory=web))


def paths_of_page(web: Path) -> list[str]:
    """The paths that `add_page` serves."""
    own = [f"/web/{path.name}" for path in web.iterdir()]
    return ["/", *own, *(f"/web/shared/{path.name}" for path in SHARED.iterdir())]


def whole(path: Path) -> str:
    """A page with what is around it."""
    text = path.read_text(encoding="utf-8")
    if (parts := PARTS.fullmatch(text)) is None:
        return text
    head, nav, body = parts.groups(BACK)
    return Template(AROUND.read_text(encoding="utf-8")).substitute(head=head, nav=nav, body=body)


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        found = await super().get_response(path, scope)
        if isinstance(found, FileResponse) and Path(found.path).suffix == ".html":
            text = await asyncio.to_thread(whole, Path(found.path))
            return HTMLResponse(text, found.status_code)
        return found
