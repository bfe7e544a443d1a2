"""`explain` of the monitor, and the same over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from command_line import run_here
from monitor_serving import copy_release, serving
from news import record

TEXT = "Borel misses a payment to its lenders"


@pytest.mark.parametrize("method", ["gradients", "occlusion"])
def test_the_words_of_a_sentiment_stand_in_the_text(release: Path, method: str) -> None:
    done = run_here(
        "finance_monitor", "explain", TEXT, "--method", method, "--store", release, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    first = found["attributions"][0]
    assert (first["towards"], first["method"]) == (found["sentiment"], method)
    assert [TEXT[word["start"] : word["end"]] for word in first["words"]] == TEXT.split()
    assert any(word["weight"] for word in first["words"])
    assert 1 <= len(found["neighbours"]) <= 3


def test_the_terminal_names_the_words_and_the_colours(release: Path) -> None:
    done = run_here("finance_monitor", "explain", TEXT, "--store", release)
    assert done.returncode == 0, done.stderr
    assert TEXT in done.stdout
    assert "Blue: for. Orange: against." in done.stdout


def test_a_text_without_words_is_refused(release: Path) -> None:
    done = run_here("finance_monitor", "explain", " …! ", "--store", release)
    assert done.returncode == 2
    assert "no words" in done.stderr


def test_a_story_is_explained_over_http(
    release: Path, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    with (
        serving(copy_release(release, tmp_path / "var")) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        story = record("https://news.example/1", 1, TEXT).model_dump(mode="json")
        assert client.post("/v1/records", json={"records": [story]}).status_code == 202
        path = f"/v1/stories/{quote(story['id'], safe='')}/explanation"
        eventually(lambda: client.get(path).status_code == 200)
        found = client.get(path).json()
        assert found["text"] == TEXT
        assert found["attributions"][0]["words"][0]["text"] == "Borel"
        assert client.get("/v1/stories/none/explanation").status_code == 404
