"""What a page shows of an explanation: shaded words, a legend, text for screen readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser import browser, needs_browser, seeing
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from common.serving.page import add_page

pytestmark = needs_browser

# The first letter takes two places in a string of the page.
TEXT = "𝒜 shares <b>plunge</b> after fraud"
WORDS = [("shares", 0.1), ("plunge", 2.0), ("after", -0.01), ("fraud", -1.0)]
PAGE = """<!doctype html><html><head><title>t</title>
<link rel="stylesheet" href="/web/shared/page.css">
<script type="module">
import { explanation } from '/web/shared/explanation.js';
document.body.append(explanation('/why', { nameOf: (name) => `${name}!` }), explanation('/none'));
</script></head><body></body></html>"""


def _found() -> dict[str, Any]:
    words = [
        {"text": w, "start": TEXT.index(w), "end": TEXT.index(w) + len(w), "weight": weight}
        for w, weight in WORDS
    ]
    one = {"towards": "negative", "score": 1, "unit": "log odds", "method": "gradients"}
    near = {"text": "shares fall <i>", "label": "negative", "cosine": 0.912}
    return {
        "text": TEXT,
        "attributions": [one | {"words": words}],
        "neighbours": [near],
        "shared": ["shares"],
    }


def test_words_are_shaded_where_they_stand(served: Callable[..., Any], tmp_path: Path) -> None:
    app = FastAPI()
    app.get("/shown", response_class=HTMLResponse)(lambda: PAGE)
    app.get("/why")(_found)

    @app.get("/none")
    def none() -> None:
        raise HTTPException(404, "not kept")

    (tmp_path / "web").mkdir()
    add_page(app, tmp_path / "web")
    with served(app) as address, browser(tmp_path / "profile") as driver:
        driver.get(f"{address}/shown")
        see = seeing(driver, 20)
        assert see(".shaded").text == TEXT
        marks = {
            mark.text: (mark.get_attribute("data-speaks"), mark.get_attribute("title"))
            for mark in driver.find_elements("css selector", ".shaded mark")
        }
        # What hardly counts is not shaded.
        assert marks == {"plunge": ("for", "2.000"), "fraud": ("against", "-1.000")}
        legend = see(".legend").text
        assert "speaks for it" in legend
        assert "speaks against it" in legend
        assert "negative!" in see(".towards").text
        spoken = driver.find_element("css selector", ".explanation .unseen")
        assert "Words for it, the strongest first: plunge, shares." in str(
            spoken.get_property("textContent")
        )
        assert "0.91" in see(".nearest").text
        assert not driver.find_elements("css selector", ".explanation b, .explanation i")
        see(".explanation", "could not be found")
        colours = [
            driver.execute_script("return getComputedStyle(arguments[0]).backgroundColor", mark)
            for mark in driver.find_elements("css selector", ".shaded mark")
        ]
        assert len(set(colours)) == 2
        see(".explanation")
