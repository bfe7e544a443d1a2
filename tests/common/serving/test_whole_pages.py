"""Every page is one document, whatever its file leaves to what stands around it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from common.serving.page import SHARED, add_page

APPS = Path(__file__).parents[3] / "apps"
PAGES = sorted([*APPS.glob("*/web/*.html"), *SHARED.glob("*.html")])
# Of each exactly one.
PARTS = (
    *("<!doctype html>", "<title>", "</head>", "<body>", "<header>", "<nav>", "<main>"),
    *('id="language"', 'id="theme"', "/theme.js", "<noscript>", "</html>"),
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_page_is_whole(path: Path) -> None:
    app = FastAPI()
    web = path.parent if path.parent != SHARED else APPS / "customer_service" / "web"
    add_page(app, web)
    place = "/web/shared" if path.parent == SHARED else "/web"
    client = TestClient(app)
    answer = client.get(f"{place}/{path.name}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {part: answer.text.count(part) for part in PARTS} == dict.fromkeys(PARTS, 1)
    assert "$" not in answer.text
    if path.stem == "index":
        assert client.get("/").text == answer.text


def test_where_nothing_else_is_said_a_page_leads_back(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text("<head>\n  <title>One</title>\n</head>\n<main>\n</main>\n")
    app = FastAPI()
    add_page(app, tmp_path)
    assert '<a href="/" data-text="back"></a>' in TestClient(app).get("/web/one.html").text


def test_what_is_no_page_is_served_as_it_is_and_what_is_not_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "words.js").write_text("const nav = '<head>';\n")
    app = FastAPI()
    add_page(app, tmp_path)
    client = TestClient(app)
    assert client.get("/web/words.js").text == "const nav = '<head>';\n"
    assert client.get("/web/two.html").status_code == 404
    assert client.post("/web/words.js").status_code == 405
